// Command policy-types checks the types of admission policies as the controller manager does: what it would write into
// `status.typeChecking` of each. It reads one ValidatingAdmissionPolicy a line and writes one array of warnings a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	k8sscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

func main() {
	checker := &validating.TypeChecker{
		SchemaResolver: resolver.NewDefinitionsSchemaResolver(openapi.GetOpenAPIDefinitions, k8sscheme.Scheme),
		RestMapper:     kinds(),
	}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<26)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		var policy v1.ValidatingAdmissionPolicy
		if err := json.Unmarshal(input.Bytes(), &policy); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		warnings := checker.Check(&policy)
		if warnings == nil {
			warnings = []v1.ExpressionWarning{}
		}
		if err := encoder.Encode(warnings); err != nil {
			os.Exit(1)
		}
	}
	if err := input.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kinds knows every built-in kind: a real mapper would ask a server.
func kinds() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{})
	for kind := range k8sscheme.Scheme.AllKnownTypes() {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	return mapper
}
