package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nacredb/nacre/wasm/wasmtest"
)

// buildModules makes the modules of the scripts: versions of an aggregate "light".
func buildModules(t *testing.T, dir string) {
	t.Helper()
	brighter := `{"name":"light","schemaVersion":2,"commands":{"on":{}},"events":{"light.on":{}}}`
	for name, g := range map[string]wasmtest.Guest{
		"light":    {Tests: `[{"name":"it glows","when":{"command":"on"},"then":{"state":1}}]`},
		"brighter": {Description: brighter, State: "2"},
		"other":    {State: "7"},
		"failing":  {Tests: `[{"name":"it glows","when":{"command":"on"},"then":{"state":2}},{"name":"it is dark","then":{"state":0}}]`},
		"broken":   {Description: brighter, State: "2", Decide: `{"error":{"code":"DOMAIN","type":"no_bulb","message":"there is no bulb","data":{"watts":60}}}`},
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".wasm"), g.Build(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// goTools is the environment in which scripts run the go command, without a network, and SOURCES, the folder of this
// module.
func goTools(t *testing.T) map[string]string {
	t.Helper()
	sources, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SOURCES": sources, "GOPROXY": "off"}
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err == nil {
		err = json.Unmarshal(out, &env)
	}
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// languageTools tells what is missing where modules in other languages are to be made, by the tool. What npm would
// install is put there by a script: the packages of these sources.
func languageTools(t *testing.T, write func(name, content string)) map[string]string {
	t.Helper()
	missing := map[string]string{}
	out, err := exec.CommandContext(t.Context(), "rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
	if err == nil {
		_, err = os.Stat(strings.TrimSpace(string(out)))
	}
	if err != nil {
		missing["cargo"] = "Rust with the target wasm32-unknown-unknown is not here: " + err.Error()
	}
	script := filepath.Join("..", "..", "sdk", "assemblyscript")
	if script, err = filepath.Abs(script); err == nil {
		_, err = os.Stat(filepath.Join(script, "node_modules", "assemblyscript"))
	}
	if err != nil {
		missing["npm"] = "the compiler is not here (npm ci in sdk/assemblyscript): " + err.Error()
	}
	if testing.Short() {
		missing["cargo"], missing["npm"] = "this is a short run", "this is a short run"
	}
	write("npm", "#!/bin/sh\nmkdir -p node_modules/@nacredb && ln -s '"+script+"' node_modules/@nacredb/guest && "+
		"ln -s '"+script+"'/node_modules/[a-z]* node_modules\n")
	return missing
}
