//! Reads that cost much: who may cause them, and how often the work is done.

use super::*;
use crate::{model::seat::SeatStatus, server::http::rest::seat_lists::SeatLists};

#[tokio::test]
async fn another_sites_page_cannot_make_its_visitors_do_our_costly_reads() {
    let surface = Surface::open().await;
    let (site, no_page) = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"));
    for path in ["audit", "ledger", "seats", "seats?status=sold"] {
        let path = format!("/api/v1/sales/club-night/{path}");
        for method in ["GET", "HEAD"] {
            let refused = surface.send(method, &path, &[site, no_page], Body::empty()).await;
            assert_eq!(refused.status, 403, "{method} {path}");
        }
        let refused = surface.send("GET", &path, &[site, no_page], Body::empty()).await;
        assert_eq!(refused.problem(), (403, "forbidden".into()), "{path}");
        let followed = [site, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(surface.send("GET", &path, &followed, Body::empty()).await.status, 200, "{path}");
        assert_eq!(surface.get(&path).await.status, 200, "{path}");
    }
    let sale = surface.send("GET", "/api/v1/sales/club-night", &[site, no_page], Body::empty()).await;
    assert_eq!(sale.status, 200, "what costs little anybody may read");
}

#[tokio::test]
async fn a_long_list_of_seats_is_written_once_until_the_sale_changes() {
    let surface = Surface::open().await;
    let tier = json!({ "name": "Floor", "price": 1, "seats": { "sections": 1, "rows": 25, "per_row": 80 } });
    let body = json!({ "name": "Arena", "tiers": [tier] });
    assert_eq!(surface.send("POST", "/api/v1/sales", &[ADMIN, JSON], body.to_string()).await.status, 201);
    let (lists, sale) = (SeatLists::new(), "arena".into());
    let ask = || async { lists.text(&surface.app, &sale, None, None).await.unwrap() };
    let first = ask().await;
    for list in join_all((0..20).map(|_| ask())).await {
        assert_eq!(list.as_ptr(), first.as_ptr(), "the same bytes");
    }
    assert_eq!(surface.buy("arena", &[], json!({ "seat": "A-1" })).await.status, 201);
    let lists_now = join_all((0..20).map(|_| ask())).await;
    let now: Value = serde_json::from_slice(&lists_now[0]).unwrap();
    assert_eq!((&now["seq"], &now["seats"][0]["status"]), (&json!(2), &json!("sold")));
    assert!(lists_now.iter().all(|list| list.as_ptr() == lists_now[0].as_ptr()), "written once for all");
    let sold = lists.text(&surface.app, &sale, None, Some(SeatStatus::Sold)).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&sold).unwrap()["seats"].as_array().unwrap().len(), 1);
}
