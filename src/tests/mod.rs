//! The rules of Onsale, kept by its real server over real sockets.
//!
//! Each test starts the binary on a database of its own and talks to it like any client; each is named after the rule
//! that it keeps. What needs a planted bug or a clock that a test moves runs in process instead: [`audit`] and
//! [`properties`]. Units of code have their tests beside them.

mod attack; // the command line: attack, audit, verify
mod audit; // planted bugs that the audit must catch
mod authorisation; // who may do what, and how a client says who it is
mod bad_input; // what any route answers to what it should not be sent
mod bad_wire; // what the listener answers to what is not HTTP
mod commit_order; // the ledger's order is the order in which things happened
mod comparison; // the same load over one strategy after the other
mod disk_faults; // a disk that fails leaves the old state or the new one
mod durability; // what was acknowledged survives being killed
mod failing_start; // a first start on a disk that fails
mod forms; // the form that buys without script, and what its page says
mod idempotency; // the same key never buys twice
mod markup; // markup in names is text
mod nodes; // three servers on one database
mod openapi; // the description says what the routes do
mod organisers; // making, changing, adding, resetting
mod power_loss; // what was acknowledged survives a loss of power
mod properties; // random operations against a simple model
mod purchases; // never a unit twice, never one stranded
mod queue; // purchases in line: receipts and what follows them
mod rest; // each route's shape
mod several_seats; // several named seats in one order, and how picked ones stand
mod shutdown; // stopping in order
mod simulations; // load runs over REST
mod stream; // one viewer: frames, positions, ends
mod stream_fleet; // many viewers, all with the same truth
mod support; // the server under test, its clients, and the scale of the loops
mod tidy; // what the source may not do
