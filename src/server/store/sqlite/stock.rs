//! Seats, written many at once.

use sqlx::SqliteConnection;

use crate::server::store::rows::NewSeatRecord;

/// Inserts available seats after the sale's other seats, the first at `first_position`.
pub async fn insert_seats(
    connection: &mut SqliteConnection,
    sale_id: i64,
    first_position: u32,
    tier_ids: &[i64],
    seats: &[NewSeatRecord],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (first_position..)
        .zip(seats)
        .map(|(position, seat)| {
            let tier_id = tier_ids[seat.tier_index as usize];
            (position, tier_id, &seat.section, &seat.row, seat.number, &seat.label)
        })
        .collect();
    sqlx::query(
        "INSERT INTO seats (sale_id, position, tier_id, section, row_name, number, label, status)
         SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, 'available'
         FROM json_each(?)",
    )
    .bind(sale_id)
    .bind(serde_json::to_string(&rows).expect("seats are plain data"))
    .execute(connection)
    .await?;
    Ok(())
}
