// Command oracles says what the ecosystem makes of objects: kstatus (Helm, kubectl and cli-utils wait by
// it) and the condition checks that Flux runs over its own controllers.
//
// It reads one Kubernetes object a line, as JSON, and prints one verdict a line, in the same order. It
// decides nothing: which of Flux's two checkers applies to an object is for the reader to say.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kerrors "k8s.io/apimachinery/pkg/util/errors"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// polarity describes a CampaignThrottle's conditions to Flux's checker, the gravest abnormal one first.
// Throttled is in neither list: a campaign held paused for lack of agents is what was asked for.
var polarity = check.Conditions{
	NegativePolarity: []string{"Stalled", "Reconciling", "FallbackActive"},
	PositivePolarity: []string{"Ready", "AgentsObserved", "CampaignSynced"},
}

// verdict is what is printed about an object.
type verdict struct {
	UID             string `json:"uid"`
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	ResourceVersion string `json:"resourceVersion"`
	// Kstatus is Current, InProgress, Failed, Terminating or Unknown.
	Kstatus        string `json:"kstatus"`
	KstatusMessage string `json:"kstatusMessage"`
	// Flux holds for a status after a finished reconciliation, FluxInProgress for one written during it.
	Flux           findings `json:"flux"`
	FluxInProgress findings `json:"fluxInProgress"`
}

// findings are the complaints of one of Flux's checkers.
type findings struct {
	Fail []string `json:"fail"`
	Warn []string `json:"warn"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracles:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	// A checker gets the object as it is: nothing is fetched, so there is no client.
	finished := check.NewChecker(nil, &polarity)
	inProgress := check.NewInProgressChecker(nil)
	finished.DisableFetch, inProgress.DisableFetch = true, true

	lines := bufio.NewReader(in)
	buffered := bufio.NewWriter(out)
	printed := json.NewEncoder(buffered)
	printed.SetEscapeHTML(false)
	for number := 1; ; number++ {
		line, readError := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			object := &unstructured.Unstructured{}
			// Unlike encoding/json it keeps whole numbers whole, which kstatus insists on.
			if err := object.UnmarshalJSON(line); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			if err := printed.Encode(judge(object, finished, inProgress)); err != nil {
				return err
			}
		}
		if readError == io.EOF {
			return buffered.Flush()
		}
		if readError != nil {
			return readError
		}
	}
}

func judge(object *unstructured.Unstructured, finished, inProgress *check.Checker) verdict {
	made := verdict{
		UID:             string(object.GetUID()),
		Namespace:       object.GetNamespace(),
		Name:            object.GetName(),
		ResourceVersion: object.GetResourceVersion(),
		Kstatus:         status.UnknownStatus.String(),
		Flux:            checked(finished, object),
		FluxInProgress:  checked(inProgress, object),
	}
	result, err := status.Compute(object)
	if err != nil {
		made.KstatusMessage = err.Error()
	} else {
		made.Kstatus, made.KstatusMessage = result.Status.String(), result.Message
	}
	return made
}

// checked runs one of Flux's checkers. Some checks take a Ready condition for granted and panic without
// one; that is a finding about the object, not the end of the run.
func checked(checker *check.Checker, object *unstructured.Unstructured) (found findings) {
	defer func() {
		if problem := recover(); problem != nil {
			found = findings{Fail: []string{fmt.Sprint("the checker panicked: ", problem)}, Warn: []string{}}
		}
	}()
	fail, warn := checker.Check(context.Background(), conditions.UnstructuredGetter(object))
	return findings{Fail: messages(fail), Warn: messages(warn)}
}

// messages takes apart what a checker joins.
func messages(err error) []string {
	said := []string{}
	if joined, ok := err.(kerrors.Aggregate); ok {
		for _, each := range joined.Errors() {
			said = append(said, each.Error())
		}
	} else if err != nil {
		said = append(said, err.Error())
	}
	return said
}
