// Todos keeps lists of things to do in an embedded store.
//
//	go run ./examples/todos data/default home add milk
//	go run ./examples/todos data/default home complete 1
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/examples/todos/model"
	"github.com/nacredb/nacre/storage/filestore"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: todos FOLDER LIST add TEXT | complete NUMBER | sweep")
	}
	command, err := commandOf(args[2], strings.Join(args[3:], " "))
	if err != nil {
		return err
	}
	store, err := filestore.Open(args[0], nil)
	if err != nil {
		return err
	}
	defer store.Close()
	lists := aggregate.New(store, model.Lists, nil)
	result, err := lists.Get(args[1]).Execute(ctx, command)
	if err != nil {
		return err
	}
	for _, item := range result.State.Items {
		mark := " "
		if item.Done != nil {
			mark = "x"
		}
		fmt.Fprintf(out, "[%s] %d %s\n", mark, item.Number, item.Text)
	}
	return nil
}

func commandOf(name, rest string) (model.Command, error) {
	switch name {
	case "add":
		return model.Add{Text: rest}, nil
	case "complete":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return nil, fmt.Errorf("complete takes the number of an item, and not %q", rest)
		}
		return model.Complete{Item: n}, nil
	case "sweep":
		return model.Sweep{}, nil
	default:
		return nil, fmt.Errorf("there is no command %q: give add, complete or sweep", name)
	}
}
