package codec_test

import (
	"fmt"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

type registered struct{ Name, Country string }

func Example() {
	c, err := codec.New(map[string]registered{"user.registered": {}}, &codec.Options{
		Versions: map[string]int{"user.registered": 2},
		Upcast: map[string]codec.Upcaster{
			"user.registered@1": codec.Reshape(2, func(data map[string]any) error {
				data["Country"] = "unknown" // version 1 did not ask
				return nil
			}),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, _ := c.Encode(registered{"Ann", "NL"})
	fmt.Println(e.Type, string(e.Data), string(e.Metadata))
	old, err := c.Decode(nacre.Event{Type: "user.registered", Data: []byte(`{"Name":"Bob"}`)})
	fmt.Println(old[0].Data, err)
	_, err = c.Decode(nacre.Event{Type: "user.left", Data: []byte(`{}`), ID: "e-9", StreamID: "user-1", GlobalPosition: 9})
	fmt.Println(err)
	// Output:
	// user.registered {"Name":"Ann","Country":"NL"} {"schemaVersion":2}
	// {Bob unknown} <nil>
	// event e-9 of type "user.left", at position 9 (0 of stream "user-1"), cannot be decoded: its type is not in the table: list it there, in Upcast or in Skip
}
