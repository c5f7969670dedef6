//! What the visitor owns in the sale, whether it was bought on this page or elsewhere.

use crate::model::order::Order;

/// Replaces `orders` by the server's list `told`, preceded by orders that were bought here while the server was asked.
/// `asked_at` is the `seq` that the page knew when it asked. An order up to that `seq` that is missing in `told` is
/// void.
pub fn merge(orders: &mut Vec<Order>, mut told: Vec<Order>, asked_at: u64) {
    orders.retain(|order| order.seq > asked_at && told.iter().all(|told| told.id != order.id));
    orders.append(&mut told);
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn order(id: u128, seq: u64) -> Order {
        let (id, buyer) = (Uuid::from_u128(id), Uuid::nil());
        let at = "2026-11-20T20:00:00.000Z";
        serde_json::from_value(json!({
            "id": id, "sale": "club-night", "buyer": buyer, "total": 0, "currency": "USD", "seq": seq, "created_at": at,
            "tickets": [],
        }))
        .unwrap()
    }

    #[test]
    fn what_was_bought_while_the_server_was_asked_stays() {
        let mut orders = vec![order(3, 12), order(2, 9), order(1, 4)];
        merge(&mut orders, vec![order(4, 11), order(2, 9)], 10);
        let positions: Vec<u64> = orders.iter().map(|order| order.seq).collect();
        assert_eq!(positions, [12, 11, 9], "the order of 4 is void");
    }
}
