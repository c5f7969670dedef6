//! Tests of Onsale's rules with its real server over real sockets.
//!
//! Each test starts the binary on a new database and talks to it like any client. Each is named after the rule that it
//! checks. Tests that need a planted bug or a manual clock run in process instead: [`audit`] and [`properties`]. Unit
//! tests are beside the code that they test.

mod attack; // the command line: attack, audit, verify
mod audit; // planted bugs that the audit must catch
mod authorisation; // who may do what, and how clients identify themselves
mod bad_input; // bad requests to every route
mod bad_wire; // bytes that are not HTTP
mod behind_proxies; // what proxies, browsers and other sites add to a request
mod commit_order; // the ledger's order is the order in real time
mod comparison; // the same load with one strategy after another
mod deploy; // the set-up for several servers, and the lists of tools
mod disk_faults; // a failing disk leaves the old state or the new one
mod durability; // acknowledged purchases survive a kill
mod failing_start; // a first start on a failing disk
mod gateway; // a proxy that loses answers
mod growth; // paged lists, compressed answers, a short write-ahead log
mod holds; // holds over REST: every route, every refusal, what viewers see
mod idempotency; // the same key never buys twice
mod limits; // what one client may use
mod markup; // markup in names is shown as text
mod misconfigured; // an operator's mistakes are told in one sentence
mod money; // amounts as their currency writes them
mod nearest_seats; // the nearest free seats instead of those that are gone
mod nodes; // three servers on one database
mod openapi; // the API's description matches the routes
mod organisers; // making and changing sales, adding stock, resetting
mod payments; // paying at the payment provider
mod planted_sessions; // sessions that a neighbouring site may have planted buy for an heir
mod power_loss; // acknowledged purchases survive a loss of power
mod properties; // random operations against a simple model
mod provider; // the payment provider's stand-in and our client, call by call
mod provider_faults; // what the stand-in does wrong on request
mod provider_restarts; // what the stand-in has acknowledged survives a kill
mod provider_tls; // https between the two sides of the payment seam
mod public_work; // audits, exports, lists and pages hold nobody up
mod purchases; // no unit is sold twice, and none is left over
mod queue; // queued purchases: receipts and outcomes
mod rest; // the answer of each route
mod several_seats; // several named seats in one order, and how picked seats stand together
mod shutdown; // an orderly stop
mod simulations; // load runs over REST
mod stream; // one viewer: frames, positions, ends
mod stream_fleet; // many viewers, who all end with the true state
mod stripe_clients; // both sides of the payment seam against clients that are not ours
mod support; // the server under test, its clients, and the scale of the loops
mod tidy; // rules that the source itself must keep
