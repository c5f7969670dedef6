//! What the visitor owns in the sale: bought on this page, on another one, or on another device.

use crate::model::order::Order;

/// Makes `orders` what the server has `told`, and before it what was bought here while it was asked. `asked_at` is the `seq`
/// that the page knew then: an older order that the server does not tell is void.
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
