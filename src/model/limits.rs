//! Every bound of the system, with its unit.

use std::time::Duration;

/// Seats in one sale.
pub const MAX_SEATS_PER_SALE: u64 = 100_000;
/// Units of one general-admission tier.
pub const MAX_GENERAL_ADMISSION_UNITS: u64 = 10_000_000;
/// Tiers in one sale.
pub const MAX_TIERS_PER_SALE: usize = 50;
/// Units in one request.
pub const MAX_UNITS_PER_REQUEST: u32 = 100;
/// Characters of a name of a sale or tier.
pub const MAX_NAME_CHARACTERS: usize = 120;
/// Characters of an organiser's message.
pub const MAX_MESSAGE_CHARACTERS: usize = 500;
/// The largest whole number that every reader of JSON keeps exactly: many readers store numbers as floating point, with
/// 53 bits.
pub const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;
/// The largest seed of a load run. A larger seed could be rounded by a reader of JSON, and the run could not be
/// repeated.
pub const MAX_SEED: u64 = MAX_JSON_INTEGER;
/// Price of one unit, in minor units.
pub const MAX_PRICE: u64 = 100_000_000;
/// With these bounds no reader of JSON rounds the total of an order or the capacity of a sale.
const _: () = assert!(MAX_PRICE * MAX_UNITS_PER_REQUEST as u64 <= MAX_JSON_INTEGER);
const _: () = assert!(MAX_GENERAL_ADMISSION_UNITS * MAX_TIERS_PER_SALE as u64 <= MAX_JSON_INTEGER);
/// How long a choice that is to be held may wait in line before its page is told that it is not decided yet.
pub const PATIENCE_IN_LINE: Duration = Duration::from_secs(5);
/// Seconds of a hold: the default and the longest.
pub const DEFAULT_HOLD_TTL_SECONDS: u32 = 600;
pub const MAX_HOLD_TTL_SECONDS: u32 = 86_400;
/// How often a hold may be extended, and by how many seconds each time: the defaults and the most.
pub const DEFAULT_HOLD_EXTENSIONS: u32 = 10;
pub const MAX_HOLD_EXTENSIONS: u32 = 100;
pub const DEFAULT_HOLD_EXTENSION_SECONDS: u32 = 60;
/// For how long a hold lives on at least from the moment at which its payment begins, in seconds: the default.
pub const DEFAULT_PAYMENT_GRACE_SECONDS: u32 = 300;
/// Price steps of one tier.
pub const MAX_PRICE_STEPS: usize = 10;
/// Characters of an e-mail address.
pub const MAX_EMAIL_CHARACTERS: usize = 254;
/// Holds that one buyer may have at once in a sale.
pub const MAX_ACTIVE_HOLDS: u32 = 3;
/// After this many holds in a row that ended unpaid, a buyer may hold nothing more of the sale for this long, in
/// milliseconds.
pub const UNPAID_HOLDS_IN_A_ROW: u32 = 3;
pub const COOLING_OFF_MILLISECONDS: i64 = 60 * 1000;
/// How long after its end a hold can still be read, in milliseconds.
pub const ENDED_HOLD_TTL_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;
/// Only the payment's own end releases a hold whose payment is under way, until this long after the hold's time, in
/// milliseconds.
pub const PAYING_HOLD_PATIENCE_MILLISECONDS: i64 = 60 * 1000;
/// How long a request may wait for the payment provider: for one that begins a payment, and for one that asks what has become
/// of it, in milliseconds.
pub const PROVIDER_PATIENCE_MILLISECONDS: u64 = 7_000;
pub const PROVIDER_GLANCE_MILLISECONDS: u64 = 2_000;
/// Calls to the payment provider that are under way at once for buyers who wait, and as many for those who do not.
pub const PROVIDER_CALLS_AT_ONCE: usize = 64;
/// Milliseconds between two searches for payments about which the provider is to be asked, and for how long nobody else asks
/// about one.
pub const PAYMENT_WATCH_MILLISECONDS: u64 = 500;
pub const PAYMENT_TAKEN_MILLISECONDS: i64 = 10_000;
/// Milliseconds between two questions about a payment of which nothing is heard, and about one whose buyer asks.
pub const PAYMENT_LOOK_MILLISECONDS: i64 = 60_000;
pub const PAYMENT_GLANCE_MILLISECONDS: u64 = 1_000;
/// How long the provider's page can be used at least, in seconds. The provider takes no less than half an hour from when it
/// makes the page, which may be a while after it was first asked.
pub const MIN_PAY_PAGE_SECONDS: i64 = 45 * 60;
/// And at most: the provider takes no more than a day from when it makes the page, by its own clock.
pub const MAX_PAY_PAGE_SECONDS: i64 = 24 * 60 * 60 - 5 * 60;
/// Milliseconds until the provider is asked again about a refund that it has refused, or whose money is on its way.
pub const REFUSED_REFUND_MILLISECONDS: i64 = 10 * 60 * 1000;
/// How long the names of the provider's events are remembered, in milliseconds.
pub const PAYMENT_EVENT_TTL_MILLISECONDS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Characters of the name of an event.
pub const MAX_EVENT_CHARACTERS: usize = 255;
/// Characters of the path that a buyer comes back to after paying.
pub const MAX_RETURN_PATH_CHARACTERS: usize = 1_024;
/// Lines of what a buyer pays for, on the provider's page.
pub const MAX_PAY_PAGE_LINES: usize = 100;
/// Milliseconds between two searches for holds whose time is over.
pub const SWEEP_MILLISECONDS: u64 = 1_000;

/// Bytes of a request body, and of the yardstick's.
pub const MAX_BODY_BYTES: usize = 16 * 1024;
pub const MAX_PING_BODY_BYTES: usize = 1024;
/// Bytes of a request head, and header fields in it.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
pub const MAX_HEADERS: usize = 64;
/// Bytes of a request target.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Time for a request head, and for a body, in milliseconds.
pub const HEAD_TIMEOUT_MILLISECONDS: u64 = 10_000;
pub const BODY_TIMEOUT_MILLISECONDS: u64 = 10_000;

/// The most characters of an idempotency key. A key that also identifies the buyer is a secret: if it is no UUID, it has
/// at least so many characters, and so many different ones among them.
pub const MAX_IDEMPOTENCY_KEY_CHARACTERS: usize = 255;
pub const MIN_IDENTIFYING_KEY_CHARACTERS: usize = 22;
pub const MIN_IDENTIFYING_KEY_DIFFERENT_CHARACTERS: usize = 10;
/// How long a stored answer is replayed, in milliseconds.
pub const IDEMPOTENCY_TTL_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;
/// Life of a guest's session, in milliseconds.
pub const SESSION_TTL_MILLISECONDS: i64 = 180 * 24 * 60 * 60 * 1000;
/// A session that is older than this is renewed when its owner comes back, in milliseconds.
pub const SESSION_RENEWAL_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;
/// The fewest characters of the organiser's token and of the secret that signs sessions.
pub const MIN_SECRET_CHARACTERS: usize = 16;
/// How long the page shown after a refused form repeats the reason when it is reloaded, in milliseconds.
pub const OUTCOME_TTL_MILLISECONDS: i64 = 60 * 1000;
/// How far another server's clock may be ahead of ours when it signs a session, in milliseconds.
pub const CLOCK_SKEW_MILLISECONDS: i64 = 5 * 60 * 1000;
/// The longest `Retry-After`, in seconds; the shortest is one.
pub const MAX_RETRY_AFTER_SECONDS: u64 = 3;

/// The highest `seq` that a database can store. No sale comes near it.
pub const MAX_SEQ: u64 = i64::MAX.unsigned_abs();
/// The most entries of a list that a client may ask for at once. A request without a limit gets all.
pub const MAX_LIST_ENTRIES: u32 = 1_000;
/// Sales on one page of the home page.
pub const SALES_PER_PAGE: u32 = 24;
/// Orders on one page, and tickets in these orders. A single order is shown whole, however many tickets it has.
pub const ORDERS_PER_PAGE: u32 = 20;
pub const TICKETS_PER_PAGE: usize = 50;
/// At `LOG_ALARM_BYTES` the embedded database's log is so large that the operator is warned. A log file of up to
/// `LOG_KEPT_BYTES` is not shortened.
pub const LOG_ALARM_BYTES: u64 = 64 * 1024 * 1024;
pub const LOG_KEPT_BYTES: u64 = 4 * 1024 * 1024;
/// Lines of the ledger that an export reads from the database at once, and exports in progress on one server. Further
/// exports are refused with 503.
pub const LEDGER_PAGE_LINES: u32 = 1_000;
pub const LEDGER_EXPORTS_AT_ONCE: usize = 8;
/// How long an export waits for a client that takes nothing of it, in milliseconds.
pub const EXPORT_PATIENCE_MILLISECONDS: u64 = 30_000;
/// Audits that one server makes at once, each of another sale. Further audits wait.
pub const AUDITS_AT_ONCE: u32 = 2;
/// Pages that are rendered at once for each processor core, and long answers that are written or compressed at once.
/// Further ones wait.
pub const PAGES_AT_ONCE_PER_CORE: usize = 4;
pub const LONG_ANSWERS_AT_ONCE: usize = 4;
/// An answer of this many bytes is compressed whole, beside the buyers, before it is sent.
pub const LONG_ANSWER_BYTES: u64 = 256 * 1024;
/// Entries from which on a list of seats or sales is written beside the buyers. A list of seats is then also kept for
/// the next who ask.
pub const LONG_LIST_ENTRIES: usize = 1_000;
/// Such lists that are kept, each of another sale.
pub const KEPT_SEAT_LISTS: usize = 4;
/// Bytes of the drawings of seat maps that are kept for the next pages, over all sales.
pub const KEPT_DRAWINGS_BYTES: usize = 64 * 1024 * 1024;
/// How long the question whether the store answers may take before the server says that it is not ready, in
/// milliseconds.
pub const READY_TIMEOUT_MILLISECONDS: u64 = 1_000;

/// Open connections. Further connections are refused.
pub const DEFAULT_CONNECTIONS: usize = 65_536;
/// Claims that wait for the sequencer. Further claims are refused with 503.
pub const DEFAULT_REQUEST_QUEUE: usize = 8_192;
/// Holds that are being confirmed, given back or extended at once. Further ones are refused with 503.
pub const SETTLEMENT_QUEUE: usize = 1_024;
/// Claims decided in one transaction.
pub const MAX_BATCH: usize = 1_024;

/// Purchases that one server decides at once from the queue of `queued`.
pub const QUEUE_WORKERS: usize = 4;
/// A purchase in that queue becomes a dead letter after this many tries, or after this many servers were lost while
/// they decided it.
pub const MAX_QUEUE_TRIES: u32 = 5;
/// How long the status of a queued purchase can be read, in milliseconds.
pub const REQUEST_TTL_MILLISECONDS: i64 = 60 * 60 * 1000;
/// How long a purchase may be in that queue before it becomes a dead letter, and how long the database remembers its
/// outcome at least, in milliseconds. The outcome is remembered longer, so that no purchase is decided again whose
/// first decision was forgotten.
pub const MAX_MILLISECONDS_IN_LINE: i64 = 24 * 60 * 60 * 1000;
pub const DECIDED_REQUEST_TTL_MILLISECONDS: i64 = 2 * MAX_MILLISECONDS_IN_LINE;
/// Dead letters that are kept. The oldest are deleted first.
pub const KEPT_DEAD_LETTERS: usize = 10_000;

/// A tick of the live feed, and the longest tick under load, in milliseconds.
pub const TICK_MILLISECONDS: u64 = 50;
pub const MAX_TICK_MILLISECONDS: u64 = 250;
/// Milliseconds between heartbeats.
pub const HEARTBEAT_MILLISECONDS: u64 = 10_000;
/// Frames that are kept per sale for viewers who reconnect, and the bytes of all these frames together.
pub const REPLAY_WINDOW_FRAMES: usize = 256;
pub const REPLAY_WINDOW_BYTES: usize = 1024 * 1024;
/// The most viewers to whom one task writes. If that task falls this many frames behind, each of its viewers catches up
/// by itself.
pub const VIEWERS_IN_CROWD: usize = 64;
pub const CROWD_BACKLOG_FRAMES: usize = 64;
/// Milliseconds that a write to a viewer may be blocked: after the first the viewer gets a snapshot instead of its
/// backlog, after the second its connection is closed.
pub const VIEWER_STALL_MILLISECONDS: u64 = 250;
pub const VIEWER_PATIENCE_MILLISECONDS: u64 = 30_000;
/// Bytes that the operating system may buffer for one viewer.
pub const VIEWER_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that are read from a viewer. A viewer has nothing to say, so what it sends after them is not read at all.
pub const VIEWER_READ_BYTES: usize = 16 * 1024;
/// Open streams of one session and of one address, unless limits are lifted.
pub const MAX_STREAMS_PER_SESSION: usize = 4;
pub const MAX_STREAMS_PER_ADDRESS: usize = 20;

/// Open connections of one address.
pub const MAX_CONNECTIONS_PER_ADDRESS: usize = 100;
/// Requests of one address per second, and its new guests and its purchases per minute. A buyer has the same number of
/// purchases as an address.
pub const MAX_REQUESTS_PER_SECOND: u32 = 100;
pub const MAX_NEW_GUESTS_PER_MINUTE: u32 = 60;
pub const MAX_PURCHASES_PER_MINUTE: u32 = 120;
/// Units held from one address over all sales. There is no such limit unless the operator sets one.
pub const MAX_HELD_PER_ADDRESS: u32 = 0;
/// So many wrong tokens of one address within so many seconds, and no token of that address is looked at for a while.
pub const MAX_WRONG_TOKENS: u32 = 5;
pub const WRONG_TOKENS_PERIOD_SECONDS: u64 = 15 * 60;
/// Log lines per second that faults of clients may cause, and characters of a client's text in such a line.
pub const CLIENT_FAULTS_PER_SECOND: u32 = 10;
pub const CLIENT_FAULT_CHARACTERS: usize = 200;
/// How long a write to a client may wait without any progress, in milliseconds. Then the connection is closed.
pub const WRITE_PATIENCE_MILLISECONDS: u64 = 15_000;
/// Bytes that the operating system may buffer for the answers of one connection.
pub const ANSWER_SEND_BUFFER_BYTES: usize = 128 * 1024;
/// An answer of `COUNTED_ANSWER_BYTES` or more is counted until it has been sent. All these answers together may have
/// `ANSWER_BUDGET_BYTES`.
pub const COUNTED_ANSWER_BYTES: usize = 64 * 1024;
pub const ANSWER_BUDGET_BYTES: usize = 256 * 1024 * 1024;
/// Clients that each rate remembers. The least busy are forgotten first.
pub const RATE_ENTRIES: usize = 65_536;

/// The virtual buyers of one simulation, and how many of them may act at the same time.
pub const MAX_SIMULATED_BUYERS: u32 = 10_000;
pub const MAX_SIMULATION_CONCURRENCY: u32 = 2_000;
/// Buyers of a simulation who arrive per second, if they do not all arrive at once. The minimum rate together with the
/// maximum number of buyers limits how long a run lasts.
pub const MIN_SIMULATION_RATE_PER_SECOND: f64 = 1.0;
pub const MAX_SIMULATION_RATE_PER_SECOND: f64 = 100_000.0;
/// Seconds over which the arrivals of a run may be spread.
pub const MAX_ARRIVAL_SECONDS: u32 = 3_600;
/// How long a run may go on after its last planned arrival, in seconds. The first is for runs of a server or a browser,
/// the second for those of a terminal, which may send many more buyers. After that time no more buyers are sent, and
/// the run ends as cancelled.
pub const SIMULATION_OVERTIME_SECONDS: u64 = 15 * 60;
pub const ATTACK_OVERTIME_SECONDS: u64 = 60 * 60;
/// Simulations of organisers that run at once on one server, and as many of everybody else.
pub const MAX_RUNNING_SIMULATIONS: usize = 4;
/// Finished simulations kept for reading.
pub const KEPT_SIMULATIONS: usize = 100;
