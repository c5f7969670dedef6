//! What new sales are made of, and which strategies sell them.

/// A general-admission tier of a new sale: its id is `ga`.
pub fn general_admission(quantity: u64) -> serde_json::Value {
    serde_json::json!({ "name": "GA", "price": 2_500, "quantity": quantity })
}

/// A seated tier of a new sale in one section: its id is `floor`, its seats are `A-1` and so on.
pub fn seated(rows: u32, per_row: u32) -> serde_json::Value {
    serde_json::json!({
        "name": "Floor", "price": 4_000, "seats": { "sections": 1, "rows": rows, "per_row": per_row },
    })
}

/// The default strategy and the textbook's, over real sockets. All of them are judged by the engine's conformance suite.
pub const STRATEGIES: [&str; 2] = ["group_commit", "atomic_update"];
