//! Kept answers, decided requests, settings.

use super::*;
use crate::{
    model::{ids::RequestId, outcome::Code},
    server::store::{DecidedRequest, Decision, StoredBody},
};

#[tokio::test]
async fn an_answer_is_found_by_its_buyer_and_key_until_it_is_forgotten() {
    for kind in STORES {
        let house = House::open(kind).await;
        let order = house.sell(1, buyer(1), &[], Some("same")).await;
        let mut writer = house.writer().await;
        let owner = (buyer(2), "same");
        store::keep_body(writer.connection(), owner, [8; 16], (299, "{\"é\":1}"), NOW).await.unwrap();

        let bought = store::find_answer(writer.connection(), buyer(1), "same").await.unwrap().unwrap();
        assert!(matches!(bought.body, StoredBody::Order(found) if found == order), "{bought:?}");
        assert_eq!((bought.fingerprint, bought.created_at), ([7; 16], NOW));
        let sent = store::find_answer(writer.connection(), buyer(2), "same").await.unwrap().unwrap();
        assert!(matches!(&sent.body, StoredBody::Sent { status: 299, body } if body == "{\"é\":1}"), "{sent:?}");
        assert_eq!((sent.fingerprint, sent.created_at), ([8; 16], NOW));
        assert!(store::find_answer(writer.connection(), buyer(3), "same").await.unwrap().is_none());
        assert!(store::find_answer(writer.connection(), buyer(1), "other").await.unwrap().is_none());

        store::forget_answers(writer.connection(), &[(buyer(1), "same".to_owned())]).await.unwrap();
        assert!(store::find_answer(writer.connection(), buyer(1), "same").await.unwrap().is_none());
        assert!(store::find_answer(writer.connection(), buyer(2), "same").await.unwrap().is_some());
        assert!(store::find_order(writer.connection(), order, None, false).await.unwrap().is_some());
        store::forget_answers(writer.connection(), &[(buyer(2), "same".to_owned())]).await.unwrap();
        assert!(store::find_answer(writer.connection(), buyer(2), "same").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_heirs_of_a_session_buy_once_with_one_key() {
    for kind in STORES {
        let house = House::open(kind).await;
        let heir = |session, own| buyer(session).heir([session as u8; 4], [own; 6]);
        let order = house.sell(1, heir(1, 0), &[], Some("same")).await;
        for own in [0, 1, 255] {
            let error = house.try_to_sell(2, heir(1, own), &[], Some("same")).await.unwrap_err();
            assert!(store::is_key_taken(&error), "{kind:?}: {error}");
            let mut writer = house.writer().await;
            let found = store::find_answer(writer.connection(), heir(1, own), "same").await.unwrap().unwrap();
            assert_eq!(found.buyer, heir(1, 0), "{kind:?}");
            assert!(matches!(found.body, StoredBody::Order(found) if found == order), "{kind:?}");
            assert!(!store::has_bought(writer.connection(), heir(1, 1)).await.unwrap(), "{kind:?}");
        }
        let mut writer = house.writer().await;
        assert!(store::has_bought(writer.connection(), heir(1, 0)).await.unwrap());
        for stranger in [buyer(1), heir(2, 0)] {
            assert!(store::find_answer(writer.connection(), stranger, "same").await.unwrap().is_none(), "{kind:?}");
        }
        drop(writer);
        house.sell(2, buyer(1), &[], Some("same")).await;
        house.sell(3, heir(2, 0), &[], Some("same")).await;
        house.sell(4, heir(1, 1), &[], Some("other")).await;
    }
}

#[tokio::test]
async fn answers_are_told_apart_by_their_age() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.sell(1, buyer(1), &[], Some("older order")).await;
        house.sell(3, buyer(1), &[], Some("newer order")).await;
        house.sell(4, buyer(1), &[], None).await;
        let mut writer = house.writer().await;
        for (key, age) in [("older body", 1), ("newer body", 3)] {
            let at = NOW.plus_milliseconds(age);
            store::keep_body(writer.connection(), (buyer(2), key), [0; 16], (200, ""), at).await.unwrap();
        }
        let between = NOW.plus_milliseconds(2);
        let pair = |number, key: &str| (buyer(number), key.to_owned());
        let since = store::answers_since(writer.connection(), between).await.unwrap();
        assert_eq!(since, [pair(1, "newer order"), pair(2, "newer body")]);
        let before = store::answers_before(writer.connection(), between, 9).await.unwrap();
        assert_eq!(before, [pair(1, "older order"), pair(2, "older body")]);
        assert_eq!(store::answers_before(writer.connection(), between, 1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_request_is_decided_once() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        let request = |age| RequestId(id_at(NOW.plus_milliseconds(age)));
        let decided = |decision| DecidedRequest { buyer: buyer(1), decision, at: NOW };
        let granted = decided(Decision::Confirmed(OrderId(request(1).0)));
        let refused = decided(Decision::Refused(Code::SoldOut));
        assert!(store::decide_request(writer.connection(), request(1), &granted).await.unwrap());
        assert!(!store::decide_request(writer.connection(), request(1), &refused).await.unwrap());
        assert!(store::decide_request(writer.connection(), request(2), &refused).await.unwrap());
        assert!(store::decide_request(writer.connection(), request(3), &refused).await.unwrap());
        assert_eq!(store::find_decided(writer.connection(), request(1)).await.unwrap(), Some(granted));
        assert_eq!(store::find_decided(writer.connection(), request(2)).await.unwrap(), Some(refused));
        assert_eq!(store::find_decided(writer.connection(), request(4)).await.unwrap(), None);

        let oldest = NOW.plus_milliseconds(3);
        assert_eq!(store::forget_decided(writer.connection(), oldest, 1).await.unwrap(), 1);
        assert_eq!(store::find_decided(writer.connection(), request(1)).await.unwrap(), None);
        assert_eq!(store::forget_decided(writer.connection(), oldest, 9).await.unwrap(), 1);
        assert_eq!(store::find_decided(writer.connection(), request(3)).await.unwrap(), Some(refused));
    }
}

#[tokio::test]
async fn the_first_value_of_a_setting_stands() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        for fresh in [[0, 255], [1, 1]] {
            assert_eq!(store::setting(writer.connection(), "secret of tests", &fresh).await.unwrap(), [0, 255]);
        }
    }
}
