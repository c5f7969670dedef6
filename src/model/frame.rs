//! The events of the live stream, and the digest that both ends compute.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    sale::{SaleStatus, TierCounts},
    time::Timestamp,
};

/// The whole state of a sale at one `seq`. `event: snapshot`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    pub seq: u64,
    /// Identifies the life of the database. Values of `seq` can only be compared within one epoch.
    pub epoch: String,
    pub at: Timestamp,
    pub status: SaleStatus,
    /// One letter per seat, in the order of the seat list: A available, H held, S sold.
    pub seats: String,
    pub tiers: Vec<TierCounts>,
}

/// All changes of one tick. `event: delta`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// The `seq` of the frame before. A client whose own `seq` is lower has missed a frame and needs a snapshot.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    /// Seats that changed: index in the seat list, new letter.
    pub seats: Vec<(u32, char)>,
    /// Tiers that changed, each complete.
    pub tiers: Vec<TierCounts>,
}

/// `event: status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusChange {
    pub status: SaleStatus,
    pub opens_at: Option<Timestamp>,
    pub message: Option<String>,
}

/// `event: heartbeat`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    pub at: Timestamp,
    pub seq: u64,
    /// See [`digest`].
    pub digest: String,
}

/// CRC-32 as eight hex digits over the seat string followed by `;id:available,held,sold` per tier. A client whose own
/// digest differs from the heartbeat's takes a fresh snapshot.
pub fn digest(seats: &[u8], tiers: &[TierCounts]) -> String {
    use std::fmt::Write;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(seats);
    let mut line = String::new();
    for tier in tiers {
        line.clear();
        write!(line, ";{}:{},{},{}", tier.id, tier.available, tier.held, tier.sold).expect("a string takes all");
        hasher.update(line.as_bytes());
    }
    format!("{:08x}", hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_crc_32_of_seats_and_tiers() {
        let tiers = [TierCounts { id: "ga".into(), available: 1, held: 2, sold: 3, price: None }];
        assert_eq!(digest(b"AAHSA", &tiers), format!("{:08x}", crc32fast::hash(b"AAHSA;ga:1,2,3")));
    }
}
