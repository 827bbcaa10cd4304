package wasm

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// The codes of what is a module's fault, beside nacre.CodeDeadline for a call that took too long. The instance is
// dropped, and the command that it was called for wrote nothing.
const (
	// CodeRefused: a binary is no module that this host runs; the error says why.
	CodeRefused nacre.Code = "MODULE_REFUSED"
	// CodeTrapped: the guest trapped, as a panic does.
	CodeTrapped nacre.Code = "MODULE_TRAPPED"
	// CodeMemory: the guest wanted more memory than it may have.
	CodeMemory nacre.Code = "MODULE_OUT_OF_MEMORY"
	// CodeDepth: the guest's calls were nested too deep.
	CodeDepth nacre.Code = "MODULE_TOO_DEEP"
	// CodeReply: the guest's reply is not what spec/wasm-abi.md says, or is too long.
	CodeReply nacre.Code = "MODULE_REPLY_INVALID"
	// CodeFailed: the guest said that it cannot read a state or an event, or that something else went wrong.
	CodeFailed nacre.Code = "MODULE_FAILED"
	// CodeNoState: the state was asked for of a component made for Thalo, which does not show it. It is nobody's fault.
	CodeNoState nacre.Code = "STATE_NOT_AVAILABLE"
)

// DomainError is a guest's refusal of a command, by the rules of its domain. It has no nacre.Code, as the domain
// errors of native aggregates.
type DomainError struct {
	Type    string          // for programs
	Message string          // for people
	Data    json.RawMessage // for programs; empty where there is none
}

func (e *DomainError) Error() string {
	switch {
	case e.Message == "" && e.Type == "":
		return "the command was refused"
	case e.Message == "":
		return e.Type
	}
	return e.Message
}

// ErrorType is Type. A server looks for it, and for ErrorData.
func (e *DomainError) ErrorType() string { return e.Type }

// ErrorData is Data.
func (e *DomainError) ErrorData() json.RawMessage { return e.Data }

// CallError is a call that failed by the module's fault, or because it took too long.
type CallError struct {
	Code    nacre.Code
	Module  string // its name, "" while it is not known
	Hash    string // of its binary
	ID      string // of the aggregate instance, "" where there is none
	Doing   string // what was asked for: `the command "deposit"`, "the description"
	Message string
	// GuestCode is what the guest said where the code is CodeFailed: DECODE_STATE, DECODE_EVENT, UNKNOWN_EVENT,
	// INTERNAL, or any other.
	GuestCode string
	Err       error // the trap; nil where there is none

	logs []Record
	lost int
}

func (e *CallError) Error() string {
	var b strings.Builder
	b.WriteString("wasm: module ")
	if e.Module != "" {
		fmt.Fprintf(&b, "%q ", e.Module)
	}
	fmt.Fprintf(&b, "(%.12s)", e.Hash)
	if e.Doing != "" {
		b.WriteString(", " + e.Doing)
	}
	if e.ID != "" {
		fmt.Fprintf(&b, " of %q", e.ID)
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// Unwrap gives the cause.
func (e *CallError) Unwrap() error { return e.Err }

// ErrorCode is what [nacre.CodeOf] finds.
func (e *CallError) ErrorCode() nacre.Code { return e.Code }

// Logs is what the guest logged in the call, for operators and not for callers; lost is how many records there
// was no room for.
func (e *CallError) Logs() (records []Record, lost int) { return e.logs, e.lost }

// Trace is where in the module it trapped, for operators; "" where it did not trap.
func (e *CallError) Trace() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func refused(format string, args ...any) error {
	return nacre.Errorf(CodeRefused, format, args...)
}
