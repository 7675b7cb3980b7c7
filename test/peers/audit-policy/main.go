// Asks Kubernetes' own audit packages: reads lines of {"policy": text, "requests": [...]} from standard input and writes
// for each line {"refused": message}, or {"answers": [...]}, one for each request; with "record": true {"recorded": [...]},
// what the API server's own code writes of each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

type question struct {
	Policy   string    `json:"policy"`
	Requests []request `json:"requests"`
	Record   bool      `json:"record"`
}

type request struct {
	User            string   `json:"user"`
	Anonymous       bool     `json:"noUser"`
	Groups          []string `json:"groups"`
	Verb            string   `json:"verb"`
	Namespace       string   `json:"namespace"`
	Group           string   `json:"apiGroup"`
	Resource        string   `json:"resource"`
	Subresource     string   `json:"subresource"`
	Name            string   `json:"name"`
	Path            string   `json:"path"`
	ResourceRequest bool     `json:"resourceRequest"`
}

type answer struct {
	Level             string   `json:"level"`
	OmitStages        []string `json:"omitStages"`
	OmitManagedFields bool     `json:"omitManagedFields"`
}

func main() {
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var asked question
		must(json.Unmarshal(lines.Bytes(), &asked))
		must(out.Encode(reply(asked)))
	}
	must(lines.Err())
}

func reply(asked question) map[string]any {
	answers := []answer{}
	if _, err := policy.LoadPolicyFromBytes([]byte(asked.Policy)); err != nil {
		return map[string]any{"refused": err.Error()}
	}
	if asked.Record {
		written := []recorded{}
		for _, request := range asked.Requests {
			written = append(written, record([]byte(asked.Policy), request))
		}
		return map[string]any{"recorded": written}
	}
	for _, request := range asked.Requests {
		answers = append(answers, evaluate([]byte(asked.Policy), request))
	}
	return map[string]any{"answers": answers}
}

func evaluate(text []byte, asked request) answer {
	// The evaluator writes into the rules that it was given, so each question has its own.
	loaded, err := policy.LoadPolicyFromBytes(text)
	must(err)
	found := policy.NewPolicyRuleEvaluator(loaded).EvaluatePolicyRule(attributesOf(asked))
	stages := []string{}
	for _, stage := range found.OmitStages {
		stages = append(stages, string(stage))
	}
	slices.Sort(stages) // its own order is a map's
	return answer{string(found.Level), stages, found.OmitManagedFields}
}

func attributesOf(asked request) authorizer.AttributesRecord {
	attributes := authorizer.AttributesRecord{
		Verb: asked.Verb, Namespace: asked.Namespace, APIGroup: asked.Group, APIVersion: "v1", Resource: asked.Resource,
		Subresource: asked.Subresource, Name: asked.Name, Path: asked.Path, ResourceRequest: asked.ResourceRequest,
	}
	if !asked.Anonymous {
		attributes.User = &user.DefaultInfo{Name: asked.User, Groups: asked.Groups}
	}
	return attributes
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
