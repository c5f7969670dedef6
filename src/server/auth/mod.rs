//! Who asks: guest sessions, the organiser's token, and whether a browser was sent here by a stranger.
//!
//! Everything here reads requests and decides who they come from; nothing here knows routes, sales or SQL.

mod address; // the client's address, and the origin under which it sees us, through listed proxies only
mod asker; // the buyer behind a request, known or new
mod cookie; // the session cookie: its name, its attributes, and how it is read
mod cross_site; // the Sec-Fetch-Site and Origin check of unsafe requests
mod forwarded; // the headers by which proxies tell what they were asked
mod idempotency; // the Idempotency-Key header
mod seal; // what a page is told by its own address
mod session; // signed, stateless guest sessions

pub use address::{OwnOrigin, client_address, is_host};
pub use asker::{Asker, Visit, accepts_html};
pub use cookie::{SessionCookie, session_tokens};
pub use cross_site::{NO_HOST, check as check_cross_site};
pub use idempotency::{idempotency_key, parse_idempotency_key};
pub use session::{Session, Sessions};
