//! How sqlx writes our own types to columns and reads them: ids as 16 bytes in SQLite and as UUID in PostgreSQL,
//! instants as milliseconds, names as text.

use sqlx::{ColumnIndex, Database, Decode, Encode, FromRow, Row, Type, encode::IsNull, error::BoxDynError};
use uuid::Uuid;

use crate::{
    model::{
        ids::{BuyerId, OrderId, RequestId, TicketId},
        ledger::ChangeKind,
        sale::{Counts, SaleSwitch},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::rows::count,
};

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

stands_as!('r, Uuid: BuyerId, OrderId, RequestId, TicketId; |id| id.0, |uuid| Some(Self(uuid)));
stands_as!('r, i64: Timestamp; |at| at.milliseconds, |milliseconds| Some(Self::from_milliseconds(milliseconds)));
stands_as!('r, &'r str: ChangeKind, SaleSwitch, SeatStatus, StrategyKind; |kind| kind.name(), Self::from_name);

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
