package wire

import (
	"slices"

	"github.com/nacredb/nacre"
)

// Codes that a server has beside those of a store.
const (
	// CodeUnauthorized: no credential, or one that is not valid.
	CodeUnauthorized nacre.Code = "UNAUTHORIZED"
	// CodeForbidden: the credential does not allow this.
	CodeForbidden nacre.Code = "FORBIDDEN"
	// CodeCrossOrigin: a web page of another origin tried to write.
	CodeCrossOrigin nacre.Code = "CROSS_ORIGIN"
	// CodeStoreNotFound: there is no event store of this name.
	CodeStoreNotFound nacre.Code = "EVENT_STORE_NOT_FOUND"
	// CodeStoreExists: there is an event store of this name already.
	CodeStoreExists nacre.Code = "EVENT_STORE_EXISTS"
	// CodeConfirmationRequired: what deletes for ever wants ?confirm=true.
	CodeConfirmationRequired nacre.Code = "CONFIRMATION_REQUIRED"
	// CodeRateLimited: too many requests; see [RateLimitError].
	CodeRateLimited nacre.Code = "RATE_LIMITED"
	// CodeMethodNotAllowed: the path exists, with other methods.
	CodeMethodNotAllowed nacre.Code = "METHOD_NOT_ALLOWED"
	// CodeTooManyConnections: the server has as many connections or followers as it takes.
	CodeTooManyConnections nacre.Code = "TOO_MANY_CONNECTIONS"
	// CodeSubscriptionNotFound: there is no subscription of this name.
	CodeSubscriptionNotFound nacre.Code = "SUBSCRIPTION_NOT_FOUND"
	// CodeSubscriptionExists: there is another subscription of this name.
	CodeSubscriptionExists nacre.Code = "SUBSCRIPTION_EXISTS"
	// CodeSubscriptionWrongKind: the subscription is of a kind that cannot do this.
	CodeSubscriptionWrongKind nacre.Code = "SUBSCRIPTION_WRONG_KIND"
	// CodeSubscriptionHalted: the subscription is paused or suspended.
	CodeSubscriptionHalted nacre.Code = "SUBSCRIPTION_HALTED"
	// CodeUnknownCommand: there is no aggregate of this name, or it takes no such command.
	CodeUnknownCommand nacre.Code = "UNKNOWN_COMMAND"
	// CodeDomain: a command was refused by the rules of its aggregate; see [DomainError].
	CodeDomain nacre.Code = "DOMAIN_ERROR"
	// CodeModuleRefused: a binary is no module that this server runs, or may not take a version's place; see
	// [ModuleError].
	CodeModuleRefused nacre.Code = "MODULE_REFUSED"
	// CodeModuleTrapped, CodeModuleMemory, CodeModuleDepth, CodeModuleReply and CodeModuleFailed: a module did not
	// execute a command, by its own fault; nothing was written.
	CodeModuleTrapped nacre.Code = "MODULE_TRAPPED"
	CodeModuleMemory  nacre.Code = "MODULE_OUT_OF_MEMORY"
	CodeModuleDepth   nacre.Code = "MODULE_TOO_DEEP"
	CodeModuleReply   nacre.Code = "MODULE_REPLY_INVALID"
	CodeModuleFailed  nacre.Code = "MODULE_FAILED"
	// CodeAggregatePanicked: the same of an aggregate of the server's own.
	CodeAggregatePanicked nacre.Code = "AGGREGATE_PANICKED"
	// CodeUndecodable: an aggregate does not read an event of its stream.
	CodeUndecodable nacre.Code = "EVENT_UNDECODABLE"
	// CodeStateNotAvailable: an aggregate keeps its state to itself.
	CodeStateNotAvailable nacre.Code = "STATE_NOT_AVAILABLE"
	// CodeEntityExists: there is an entity of this id already.
	CodeEntityExists nacre.Code = "ENTITY_EXISTS"
	// CodeEntityDeleted: the entity is deleted; it can be restored.
	CodeEntityDeleted nacre.Code = "ENTITY_DELETED"
	// CodePolicyDenied: a policy of the collection does not let the caller do that.
	CodePolicyDenied nacre.Code = "POLICY_DENIED"
	// CodePreconditionFailed: what was read has changed since, and If-Match says that it must not have.
	CodePreconditionFailed nacre.Code = "PRECONDITION_FAILED"
	// CodeIdempotencyConflict: the Idempotency-Key was given with another request.
	CodeIdempotencyConflict nacre.Code = "IDEMPOTENCY_CONFLICT"
	// CodeShuttingDown: the server finishes what it accepted and takes nothing more.
	CodeShuttingDown nacre.Code = "SHUTTING_DOWN"
)

// StatusCanceled is the status of a request whose client went away; nobody registered it, and nobody sees it.
const StatusCanceled = 499

// statuses is the table of codes.
var statuses = map[nacre.Code]int{
	nacre.CodeInvalid:         400,
	nacre.CodeTooLarge:        413,
	nacre.CodeVersionConflict: 409,
	nacre.CodeConditionFailed: 409,
	nacre.CodeEventIDConflict: 409,
	nacre.CodeWrongStreamKind: 409,
	nacre.CodeParentMissing:   409,
	nacre.CodeStoreFull:       507,
	nacre.CodeDamaged:         500,
	nacre.CodeLogRewound:      410,
	nacre.CodeLocked:          503,
	nacre.CodeReadOnly:        403,
	nacre.CodeFailed:          503,
	nacre.CodeClosed:          503,
	nacre.CodeNotFound:        404,
	nacre.CodeUnsupported:     501,
	nacre.CodeCanceled:        StatusCanceled,
	nacre.CodeDeadline:        504,
	nacre.CodeInternal:        500,

	CodeUnauthorized:         401,
	CodeForbidden:            403,
	CodeCrossOrigin:          403,
	CodeStoreNotFound:        404,
	CodeStoreExists:          409,
	CodeConfirmationRequired: 400,
	CodeRateLimited:          429,
	CodeMethodNotAllowed:     405,
	CodeTooManyConnections:   503,
	CodeShuttingDown:         503,

	CodeSubscriptionNotFound:  404,
	CodeSubscriptionExists:    409,
	CodeSubscriptionWrongKind: 409,
	CodeSubscriptionHalted:    409,

	CodeUnknownCommand:    404,
	CodeDomain:            422,
	CodeModuleRefused:     422,
	CodeModuleTrapped:     500,
	CodeModuleMemory:      500,
	CodeModuleDepth:       500,
	CodeModuleReply:       500,
	CodeModuleFailed:      500,
	CodeAggregatePanicked: 500,
	CodeUndecodable:       500,
	CodeStateNotAvailable: 501,

	CodeEntityExists:        409,
	CodeEntityDeleted:       410,
	CodePolicyDenied:        403,
	CodePreconditionFailed:  412,
	CodeIdempotencyConflict: 409,
}

// Status is the HTTP status of a code; 500 for one that is not in the table.
func Status(code nacre.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return 500
}

// Codes are all codes of the table, in byte order.
func Codes() []nacre.Code {
	out := make([]nacre.Code, 0, len(statuses))
	for code := range statuses {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}
