//! SQL and only SQL.
pub struct Store {}
#[allow(unused_variables)]
impl Store {
    /// Opens (and creates) the database named by a URL such as `sqlite:onsale.db`, migrates it, and reads the durable
    /// settings back.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        unimplemented!()
    }
    /// Opens an existing database for reading only.
    pub async fn open_read_only(url: &str) -> Result<Self, sqlx::Error> {
        unimplemented!()
    }
}
