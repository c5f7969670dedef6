//! How sqlx writes our own types to columns and reads them: ids as 16 bytes in SQLite and as UUID in PostgreSQL,
//! instants as milliseconds, names as text.

use sqlx::{ColumnIndex, Database, Decode, Encode, FromRow, Row, Type, encode::IsNull, error::BoxDynError};
use uuid::Uuid;

use crate::{
    model::{
        hold::HoldStatus,
        ids::{BuyerId, HoldId, OrderId, PaymentId, RequestId, TicketId},
        ledger::ChangeKind,
        payment::PaymentStatus,
        sale::{Checkout, ContactRule, Counts, SaleSwitch},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::{hold_rows::NewHoldItem, rows::count},
};

/// A row of `hold_items`.
#[derive(FromRow)]
pub struct HoldItemRow {
    pub hold_id: HoldId,
    pub number: i64,
    tier_id: i64,
    seat_position: Option<i64>,
    quantity: i64,
    price: i64,
    substitute: Option<i64>,
}

impl HoldItemRow {
    /// # Errors
    /// If a position is not one.
    pub fn into_item(self) -> Result<NewHoldItem, sqlx::Error> {
        let position = |position: Option<i64>| position.map(u32::try_from).transpose();
        let unreadable = |error: std::num::TryFromIntError| sqlx::Error::Decode(error.into());
        Ok(NewHoldItem {
            tier_id: self.tier_id,
            seat_position: position(self.seat_position).map_err(unreadable)?,
            quantity: count(self.quantity),
            price: count(self.price),
            substitute: position(self.substitute).map_err(unreadable)?,
        })
    }
}

/// Makes sqlx write these types as `$column` and read them from it. `'r` is the lifetime of the row that is read from.
macro_rules! stands_as {
    ($r:lifetime, $column:ty: $($kind:ident),*; $write:expr, $read:expr) => { $(
        impl<$r, DB: Database> Type<DB> for $kind where $column: Type<DB> {
            fn type_info() -> DB::TypeInfo {
                <$column as Type<DB>>::type_info()
            }

            fn compatible(column: &DB::TypeInfo) -> bool {
                <$column as Type<DB>>::compatible(column)
            }
        }

        impl<$r, DB: Database> Encode<$r, DB> for $kind where $column: Encode<$r, DB> {
            fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let write: fn(&Self) -> $column = $write;
                write(self).encode(buffer)
            }
        }

        impl<$r, DB: Database> Decode<$r, DB> for $kind where $column: Decode<$r, DB> {
            fn decode(value: DB::ValueRef<$r>) -> Result<Self, BoxDynError> {
                let read: fn($column) -> Option<Self> = $read;
                let column = <$column as Decode<$r, DB>>::decode(value)?;
                read(column).ok_or_else(|| format!("{column:?} is no {}", stringify!($kind)).into())
            }
        }
    )* };
}

stands_as!('r, Uuid: BuyerId, HoldId, OrderId, PaymentId, RequestId, TicketId; |id| id.0, |uuid| Some(Self(uuid)));
stands_as!('r, i64: Timestamp; |at| at.milliseconds, |milliseconds| Some(Self::from_milliseconds(milliseconds)));
stands_as!('r, &'r str:
    ChangeKind, Checkout, ContactRule, HoldStatus, PaymentStatus, SaleSwitch, SeatStatus, StrategyKind;
    |kind| kind.name(), Self::from_name);

/// Read from the columns `available`, `held` and `sold`.
impl<'r, R: Row> FromRow<'r, R> for Counts
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let column = |name: &'static str| row.try_get(name).map(count);
        Ok(Self { available: column("available")?, held: column("held")?, sold: column("sold")? })
    }
}
