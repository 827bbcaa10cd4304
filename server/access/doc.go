// Package access decides who may do what on a server: it turns a request's credentials into a [Grant], and
// a grant answers whether an operation on a store and a stream is allowed.
//
// # Entry points
//
// [NewAuthenticator] takes what may let somebody in: API keys ([OpenKeys]), JSON Web Tokens ([NewJWT]) and
// client certificates. [Authenticator.Authenticate] reads the credentials of a request, [Grant.Allows] and
// [Grant.CheckStream] decide, [Authenticator.Challenge] is the WWW-Authenticate text of a refusal, and
// [Authenticator.Recheck] asks again on behalf of a connection that lives long. [Keys.Create], [Keys.List]
// and [Keys.Revoke] are for the command line. [NewLimiter] is the rate by subject, [TLSConfig] reads
// certificates, [CheckExposure] says whether a listener may be opened at all.
//
// # Guarantees
//
//  1. What cannot be judged is refused. A keys file that is damaged or has vanished lets nobody in, a claim
//     of the wrong type refuses its token, and a list that is there and empty never means "everything".
//  2. A secret is shown once, by Create. What is kept of a key is its SHA-256: 256 random bits cannot be
//     guessed, so the slow hashes that protect passwords would cost each request and protect nothing. No
//     error and no log of this package has a secret or a token in it.
//  3. A running server sees keys that another process creates or revokes, and certificates and signing keys
//     whose files change, at the first request that comes a second or more after the last look.
//  4. A key of a token's signature takes one algorithm, which its kind decides: the algorithm in a token
//     chooses among keys and never says how one is used. "none" is refused.
//  5. A change of the keys file is there whole or not at all after a crash, and two writers exclude each
//     other.
//  6. Memory is bounded: of the limiter by its number of subjects, of files and fetched keys by size.
//
// # Open mode
//
// A server without a keys file, tokens and certificates lets everybody do everything: that is how one
// starts on the loopback with no configuration. The first key that is created ends it, and revoking every
// key does not bring it back: only the absence of the file, at the start, is open. On a loopback listener
// an open server answers only to requests that name it by a loopback name, since a web page whose own name
// was pointed to the loopback would pass for the same origin otherwise.
//
// # Concurrency and ownership
//
// Every method may be called from many goroutines at once. A request takes no lock apart from the
// limiter's, of which there are 16. A [Grant] is shared and must not be changed. [JWT] owns the goroutine
// that fetches keys; its Close ends it and waits.
//
// # Units, limits, errors
//
// A keys file has at most 16 MiB, other files and fetched key sets 1 MiB, a token 16 KiB. Errors have the
// code UNAUTHORIZED where credentials are missing or not believed, FORBIDDEN where the grant does not reach,
// INVALID_ARGUMENT where configuration or a new key is wrong, DAMAGED for a keys file that is not what was
// written, NOT_FOUND for a key that is not there, and INTERNAL where the server cannot judge credentials at
// all.
//
// # What it does not do
//
// No users, passwords, sessions or roles, no address lists, no answer to HTTP requests: the server writes
// the reply. Keys cannot be changed, only created and revoked. Whoever may write the keys file may let
// himself in: there is no signature over it.
package access
