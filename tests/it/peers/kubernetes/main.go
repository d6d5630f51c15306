// Reads a manifest as strictly as the API server does: an unknown or repeated key is an error. For each index of its
// Indexed Job it prints one line of JSON: the arguments of the pod's container and the files of the mounted ConfigMap.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	manifest, err := os.ReadFile(os.Args[1])
	check(err)
	var job batch.Job
	var hosts core.ConfigMap
	var runs core.PersistentVolumeClaim
	kinds := map[string]any{"v1/ConfigMap": &hosts, "v1/PersistentVolumeClaim": &runs, "batch/v1/Job": &job}
	for _, document := range bytes.Split(manifest, []byte("\n---\n")) {
		var kind meta.TypeMeta
		check(yaml.Unmarshal(document, &kind))
		object, known := kinds[kind.APIVersion+"/"+kind.Kind]
		if !known {
			check(fmt.Errorf("unexpected %s %s", kind.APIVersion, kind.Kind))
		}
		check(yaml.UnmarshalStrict(document, object))
	}

	pod := job.Spec.Template.Spec
	for _, volume := range pod.Volumes {
		configured := volume.ConfigMap != nil && volume.ConfigMap.Name == hosts.Name
		claimed := volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == runs.Name
		if !configured && !claimed {
			check(fmt.Errorf("volume %s is not in the manifest", volume.Name))
		}
	}
	if job.Spec.CompletionMode == nil || *job.Spec.CompletionMode != batch.IndexedCompletion {
		check(fmt.Errorf("the job is not indexed"))
	}
	for index := range int(*job.Spec.Completions) {
		// The kubelet replaces variables of the container, of which the Job controller sets this one.
		variables := strings.NewReplacer("$(JOB_COMPLETION_INDEX)", strconv.Itoa(index))
		args := []string{}
		for _, argument := range pod.Containers[0].Args {
			args = append(args, variables.Replace(argument))
		}
		check(json.NewEncoder(os.Stdout).Encode(map[string]any{"args": args, "hosts": hosts.Data}))
	}
}
