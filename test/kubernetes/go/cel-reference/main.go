// Command cel-reference evaluates CEL expressions with the API server's own environment, for tests that compare with it.
//
// It reads one JSON object a line: {"expression": "…", "variables": {"name": value}}, and writes one a line. Each variable
// is declared `dyn`, as `object` is in an admission policy.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
	kjson "sigs.k8s.io/json"
)

type request struct {
	Expression string          `json:"expression"`
	Variables  json.RawMessage `json:"variables"`
}

type place struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

type response struct {
	// Refused is set if the expression does not compile.
	Refused []place `json:"refused,omitempty"`
	// Type is the type of the whole expression.
	Type string `json:"type,omitempty"`
	// Value has its type beside it: {"int": "1"}.
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
	Cost  uint64 `json:"cost"`
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 1<<26)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	encoder.SetEscapeHTML(false)
	for input.Scan() {
		answer, err := evaluate(input.Bytes())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		output.Flush()
	}
	if err := input.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var base = environment.MustBaseEnvSet(version.MajorMinor(1, 34), true)

func evaluate(line []byte) (*response, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	variables := map[string]any{}
	// As the API server reads JSON: whole numbers are int64.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asked.Variables, &variables); err != nil {
		return nil, err
	}
	env, err := environmentWith(variables)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(asked.Expression)
	if issues != nil && issues.Err() != nil {
		answer := &response{Refused: []place{}}
		for _, issue := range issues.Errors() {
			answer.Refused = append(answer.Refused, place{issue.Location.Line(), issue.Location.Column() + 1, issue.Message})
		}
		return answer, nil
	}
	answer := &response{Type: ast.OutputType().String()}
	program, err := env.Program(ast, cel.InterruptCheckFrequency(100))
	if err != nil {
		answer.Error = err.Error()
		return answer, nil
	}
	limit, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	value, details, err := program.ContextEval(limit, variables)
	if details != nil && details.ActualCost() != nil {
		answer.Cost = *details.ActualCost()
	}
	if err != nil {
		answer.Error = err.Error()
		return answer, nil
	}
	answer.Value = encode(value)
	return answer, nil
}

var environments = map[string]*cel.Env{}

func environmentWith(variables map[string]any) (*cel.Env, error) {
	names := []string{}
	for name := range variables {
		names = append(names, name)
	}
	sort.Strings(names)
	key := fmt.Sprint(names)
	if env, found := environments[key]; found {
		return env, nil
	}
	options := []cel.EnvOption{}
	for _, name := range names {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	extended, err := base.Extend(environment.VersionedOptions{IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: options})
	if err != nil {
		return nil, err
	}
	env, err := extended.Env(environment.NewExpressions)
	if err != nil {
		return nil, err
	}
	environments[key] = env
	return env, nil
}

func encode(value ref.Val) any {
	switch found := value.(type) {
	case types.Null:
		return map[string]any{"null": true}
	case types.Bool:
		return map[string]any{"bool": bool(found)}
	case types.Int:
		return map[string]any{"int": strconv.FormatInt(int64(found), 10)}
	case types.Uint:
		return map[string]any{"uint": strconv.FormatUint(uint64(found), 10)}
	case types.Double:
		return map[string]any{"double": strconv.FormatFloat(float64(found), 'g', -1, 64)}
	case types.String:
		return map[string]any{"string": string(found)}
	case types.Bytes:
		return map[string]any{"bytes": base64.StdEncoding.EncodeToString(found)}
	case types.Timestamp:
		return map[string]any{"timestamp": found.Time.Format(time.RFC3339Nano)}
	case types.Duration:
		return map[string]any{"duration": strconv.FormatInt(int64(found.Duration), 10)}
	case traits.Lister:
		items := []any{}
		for each := found.Iterator(); each.HasNext() == types.True; {
			items = append(items, encode(each.Next()))
		}
		return map[string]any{"list": items}
	case traits.Mapper:
		entries := [][2]any{}
		for each := found.Iterator(); each.HasNext() == types.True; {
			key := each.Next()
			entries = append(entries, [2]any{encode(key), encode(found.Get(key))})
		}
		return map[string]any{"map": entries}
	case *types.Type:
		return map[string]any{"type": found.TypeName()}
	default:
		return map[string]any{"other": value.Type().TypeName(), "text": fmt.Sprint(value.Value())}
	}
}
