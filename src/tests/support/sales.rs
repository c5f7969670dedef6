//! Tiers of new sales, and the strategies that most tests use.

/// A general-admission tier of a new sale. Its id is `ga`.
pub fn general_admission(quantity: u64) -> serde_json::Value {
    serde_json::json!({ "name": "GA", "price": 2_500, "quantity": quantity })
}

/// A seated tier of a new sale, in one section. Its id is `floor`, and its seats are `A-1` and so on.
pub fn seated(rows: u32, per_row: u32) -> serde_json::Value {
    serde_json::json!({
        "name": "Floor", "price": 4_000, "seats": { "sections": 1, "rows": rows, "per_row": per_row },
    })
}

/// The strategies that tests over real sockets use: the default, and the textbook's. The engine's conformance suite
/// checks all strategies.
pub const STRATEGIES: [&str; 2] = ["group_commit", "atomic_update"];
