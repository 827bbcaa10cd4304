package codegen

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/nacredb/nacre/wasm/guest"
)

// TaskVariable is the environment variable that has the file of Main's [Task].
const TaskVariable = "NACRE_CODEGEN_TASK"

// Task is what Main has to do.
type Task struct {
	Options
	Out string // the file for the [Outcome]
}

// Outcome is what Main did.
type Outcome struct {
	Result
	Err string // what went wrong, "" where nothing did
}

// errorTypes are those that Also was given.
var errorTypes []reflect.Type

// Also adds a type of domain errors, which no table of a decider has. It is called from variables of the package
// that has the type.
func Also[T any]() bool {
	errorTypes = append(errorTypes, reflect.TypeFor[T]())
	return true
}

// Main generates the codecs of the decider that the program serves, and ends the process. It is called from the last
// init function of the main package, so that everything before has been served.
func Main() {
	if err := perform(os.Getenv(TaskVariable)); err != nil {
		fmt.Fprintln(os.Stderr, "codegen:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func perform(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var task Task
	if err := json.Unmarshal(text, &task); err != nil {
		return err
	}
	outcome := Outcome{}
	if result, err := generateServed(&task.Options); err != nil {
		outcome.Err = err.Error()
	} else {
		outcome.Result = *result
	}
	if text, err = json.Marshal(outcome); err != nil {
		return err
	}
	return os.WriteFile(task.Out, text, 0o600)
}

func generateServed(o *Options) (*Result, error) {
	m := guest.Served()
	if m == nil {
		return nil, errors.New("the program serves no decider: call guest.Serve in an init function of its main package")
	}
	return Generate(append(Roots(m.Types()), errorRoots()...), o)
}

// Roots are the types of a module.
func Roots(t guest.Types) []Root {
	roots := []Root{{Type: t.State, What: "the state"}}
	for _, table := range []struct {
		kind  string
		types map[string]reflect.Type
	}{{"the command", t.Commands}, {"the event", t.Events}} {
		for _, name := range slices.Sorted(maps.Keys(table.types)) {
			v := table.types[name]
			if v.Kind() == reflect.Pointer {
				v = v.Elem()
			}
			roots = append(roots, Root{Type: v, What: fmt.Sprintf("%s %q", table.kind, name)})
		}
	}
	return roots
}

// errorRoots are the domain errors that may have members, in the order of their names.
func errorRoots() []Root {
	var roots []Root
	for _, t := range errorTypes {
		if t.Kind() == reflect.Struct {
			roots = append(roots, Root{Type: t, What: "the domain error"})
		}
	}
	slices.SortFunc(roots, func(a, b Root) int {
		return cmp.Or(cmp.Compare(a.Type.PkgPath(), b.Type.PkgPath()), cmp.Compare(a.Type.Name(), b.Type.Name()))
	})
	return roots
}
