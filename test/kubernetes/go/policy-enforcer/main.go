// policy-enforcer: a small NetworkPolicy (networking.k8s.io/v1) enforcer for ONE node with a bridge CNI.
// On every change of pods, namespaces or policies it recomputes the whole nftables table and loads it in one transaction.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	nw "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func sel(s *metav1.LabelSelector) labels.Selector {
	x, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return x
}

func live(p *v1.Pod) bool {
	return !p.Spec.HostNetwork && p.Status.PodIP != "" && net.ParseIP(p.Status.PodIP).To4() != nil &&
		p.Status.Phase != v1.PodSucceeded && p.Status.Phase != v1.PodFailed
}

type world struct {
	pods []*v1.Pod
	ns   map[string]labels.Set
	pols []*nw.NetworkPolicy
}

func (w *world) peers(ns string, p nw.NetworkPolicyPeer) []*v1.Pod {
	var out []*v1.Pod
	for _, q := range w.pods {
		if p.NamespaceSelector == nil {
			if q.Namespace != ns {
				continue
			}
		} else if !sel(p.NamespaceSelector).Matches(w.ns[q.Namespace]) {
			continue
		}
		if p.PodSelector != nil && !sel(p.PodSelector).Matches(labels.Set(q.Labels)) {
			continue
		}
		out = append(out, q)
	}
	return out
}

func named(pod *v1.Pod, name string, proto v1.Protocol) (int32, bool) {
	for _, c := range append(append([]v1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, p := range c.Ports {
			pr := p.Protocol
			if pr == "" {
				pr = v1.ProtocolTCP
			}
			if p.Name == name && pr == proto {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

// ports returns the match strings for a rule's ports against the pod that receives the traffic (nil: outside the cluster).
func ports(ps []nw.NetworkPolicyPort, dst *v1.Pod) []string {
	if len(ps) == 0 {
		return []string{""}
	}
	var out []string
	for _, p := range ps {
		proto := v1.ProtocolTCP
		if p.Protocol != nil {
			proto = *p.Protocol
		}
		l := strings.ToLower(string(proto))
		switch {
		case p.Port == nil:
			out = append(out, "meta l4proto "+l+" ")
		case p.Port.StrVal != "":
			if dst != nil {
				if n, ok := named(dst, p.Port.StrVal, proto); ok {
					out = append(out, fmt.Sprintf("%s dport %d ", l, n))
				}
			}
		case p.EndPort != nil:
			out = append(out, fmt.Sprintf("%s dport %d-%d ", l, p.Port.IntVal, *p.EndPort))
		default:
			out = append(out, fmt.Sprintf("%s dport %d ", l, p.Port.IntVal))
		}
	}
	return out
}

func hasNamed(ps []nw.NetworkPolicyPort) bool {
	for _, p := range ps {
		if p.Port != nil && p.Port.StrVal != "" {
			return true
		}
	}
	return false
}

func (w *world) rule(b *bytes.Buffer, dir, ns string, peers []nw.NetworkPolicyPeer, ps []nw.NetworkPolicyPort, self *v1.Pod) {
	recv := func(p *v1.Pod) *v1.Pod {
		if dir == "saddr" {
			return self
		}
		return p
	}
	emit := func(match string, dst *v1.Pod) {
		for _, x := range ports(ps, dst) {
			fmt.Fprintf(b, "    %s%sreturn\n", match, x)
		}
	}
	if len(peers) == 0 {
		if dir == "daddr" && hasNamed(ps) {
			for _, q := range w.pods {
				emit("ip daddr "+q.Status.PodIP+" ", q)
			}
			return
		}
		emit("", recv(nil))
		return
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			m := "ip " + dir + " " + p.IPBlock.CIDR + " "
			if strings.Contains(p.IPBlock.CIDR, ":") {
				continue // IPv4 only
			}
			if len(p.IPBlock.Except) > 0 {
				m += "ip " + dir + " != { " + strings.Join(p.IPBlock.Except, ", ") + " } "
			}
			emit(m, recv(nil))
			continue
		}
		qs := w.peers(ns, p)
		if len(qs) == 0 {
			continue
		}
		if dir == "daddr" && hasNamed(ps) {
			for _, q := range qs {
				emit("ip daddr "+q.Status.PodIP+" ", q)
			}
			continue
		}
		var ips []string
		for _, q := range qs {
			ips = append(ips, q.Status.PodIP)
		}
		emit("ip "+dir+" { "+strings.Join(ips, ", ")+" } ", recv(nil))
	}
}

func types(p *nw.NetworkPolicy) (in, eg bool) {
	for _, t := range p.Spec.PolicyTypes {
		in = in || t == nw.PolicyTypeIngress
		eg = eg || t == nw.PolicyTypeEgress
	}
	return
}

func (w *world) render(cidr, verdict string, failClosed bool) string {
	var ch bytes.Buffer
	var egm, inm, known []string
	for _, pod := range w.pods {
		ip := pod.Status.PodIP
		known = append(known, ip)
		id := strings.ReplaceAll(ip, ".", "_")
		var in, eg bytes.Buffer
		isIn, isEg := false, false
		for _, p := range w.pols {
			if p.Namespace != pod.Namespace || !sel(&p.Spec.PodSelector).Matches(labels.Set(pod.Labels)) {
				continue
			}
			ti, te := types(p)
			if ti {
				isIn = true
				for _, r := range p.Spec.Ingress {
					w.rule(&in, "saddr", p.Namespace, r.From, r.Ports, pod)
				}
			}
			if te {
				isEg = true
				for _, r := range p.Spec.Egress {
					w.rule(&eg, "daddr", p.Namespace, r.To, r.Ports, pod)
				}
			}
		}
		name := pod.Namespace + "/" + pod.Name
		if isIn {
			fmt.Fprintf(&ch, "  chain in_%s { # %s\n%s    counter %s\n  }\n", id, name, in.String(), verdict)
			inm = append(inm, ip+" : jump in_"+id)
		}
		if isEg {
			fmt.Fprintf(&ch, "  chain eg_%s { # %s\n%s    counter %s\n  }\n", id, name, eg.String(), verdict)
			egm = append(egm, ip+" : jump eg_"+id)
		}
	}
	els := func(x []string) string {
		if len(x) == 0 {
			return ""
		}
		return " elements = { " + strings.Join(x, ", ") + " };"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "table inet netpol\ndelete table inet netpol\ntable inet netpol {\n%s", ch.String())
	fmt.Fprintf(&b, "  set known { type ipv4_addr;%s }\n", els(known))
	fmt.Fprintf(&b, "  map eg { type ipv4_addr : verdict;%s }\n  map in { type ipv4_addr : verdict;%s }\n", els(egm), els(inm))
	closed := ""
	if failClosed {
		closed = fmt.Sprintf("    ip saddr %s ip saddr != @known counter drop\n", cidr)
	}
	fmt.Fprintf(&b, "  chain forward { type filter hook forward priority 0; policy accept;\n    ct state established,related accept\n%s    ip saddr vmap @eg\n    ip daddr vmap @in\n  }\n", closed)
	// traffic from a pod to the node itself is egress too; traffic from the node to its pods (probes) is always allowed
	fmt.Fprintf(&b, "  chain input { type filter hook input priority 0; policy accept;\n    iifname \"lo\" accept\n    ct state established,related accept\n%s    ip saddr vmap @eg\n  }\n}\n", closed)
	return b.String()
}

func main() {
	kc := flag.String("kubeconfig", "", "")
	cidr := flag.String("pod-cidr", "10.244.0.0/24", "")
	verdict := flag.String("deny", "reject with icmpx admin-prohibited", "nft verdict for denied traffic (or: drop)")
	failClosed := flag.Bool("fail-closed", true, "drop traffic of pod addresses not seen in the API yet")
	flag.Parse()
	cfg, err := clientcmd.BuildConfigFromFlags("", *kc)
	if err != nil {
		log.Fatal(err)
	}
	cs := kubernetes.NewForConfigOrDie(cfg)
	f := informers.NewSharedInformerFactory(cs, 0)
	pi, ni, li := f.Core().V1().Pods(), f.Core().V1().Namespaces(), f.Networking().V1().NetworkPolicies()
	kick := make(chan struct{}, 1)
	poke := func() {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
	h := cache.ResourceEventHandlerFuncs{AddFunc: func(any) { poke() }, UpdateFunc: func(_, _ any) { poke() }, DeleteFunc: func(any) { poke() }}
	pi.Informer().AddEventHandler(h)
	ni.Informer().AddEventHandler(h)
	li.Informer().AddEventHandler(h)
	stop := make(chan struct{})
	f.Start(stop)
	f.WaitForCacheSync(stop)
	log.Print("synced")
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGTERM, syscall.SIGINT)
	last := ""
	for {
		select {
		case <-sig:
			return
		case <-kick:
		}
		time.Sleep(20 * time.Millisecond)
		w := &world{ns: map[string]labels.Set{}}
		ps, _ := pi.Lister().List(labels.Everything())
		for _, p := range ps {
			if live(p) {
				_, n, _ := net.ParseCIDR(*cidr)
				if n.Contains(net.ParseIP(p.Status.PodIP)) {
					w.pods = append(w.pods, p)
				}
			}
		}
		sort.Slice(w.pods, func(i, j int) bool { return w.pods[i].Status.PodIP < w.pods[j].Status.PodIP })
		nss, _ := ni.Lister().List(labels.Everything())
		for _, n := range nss {
			w.ns[n.Name] = labels.Set(n.Labels)
		}
		w.pols, _ = li.Lister().List(labels.Everything())
		sort.Slice(w.pols, func(i, j int) bool {
			return w.pols[i].Namespace+"/"+w.pols[i].Name < w.pols[j].Namespace+"/"+w.pols[j].Name
		})
		s := w.render(*cidr, *verdict, *failClosed)
		if s == last {
			continue
		}
		c := exec.Command("nft", "-f", "-")
		c.Stdin = strings.NewReader(s)
		if out, err := c.CombinedOutput(); err != nil {
			log.Printf("nft: %v\n%s\n%s", err, out, s)
			time.Sleep(time.Second)
			poke()
			continue
		}
		last = s
		log.Printf("applied: %d pods, %d policies", len(w.pods), len(w.pols))
	}
}
