//! Who asks: guest sessions, the organiser's token, and whether another site made the browser send the request.
//!
//! Everything here reads requests and decides who they come from; nothing here knows routes, sales or SQL.

mod address; // the client's address, and the origin under which it sees this server; only listed proxies are believed
mod asker; // the buyer behind a request, known or new
mod cookie; // the session cookie: its name, its attributes, and how it is read
mod cross_site; // the Sec-Fetch-Site and Origin check of unsafe requests
mod forwarded; // the headers in which proxies pass on what the client asked for
mod idempotency; // the Idempotency-Key header
mod seal; // seals outcomes that a page reads from its own address
mod session; // signed, stateless guest sessions

pub use address::{OwnOrigin, Surroundings, client_address, is_host};
pub use asker::{Asker, Visit, accepts_html};
pub use cookie::{SessionCookie, session_tokens};
pub use cross_site::{NO_HOST, check as check_cross_site, check_costly_read};
pub use idempotency::{idempotency_key, parse_idempotency_key};
pub use session::{Session, Sessions};
