//! nginx with nchan, the yardstick for fan-out, with the same number of viewers and the same ten changes a second.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use super::{
    delivery::{SETTLING, VIEWERS, delivery},
    report::Goal,
    settings::{Failure, Measured, Settings},
    viewers::{Fleet, last_number},
    wire::{self, Wire},
};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const BINARY: &str = "/usr/sbin/nginx";
/// Makes a message about as long as one of our frames.
const PADDING: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";

struct Nginx {
    process: Child,
    folder: PathBuf,
}

impl Nginx {
    fn start(address: SocketAddr) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("onsale-nchan-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder)?;
        let (here, descriptors) = (folder.display(), Fleet::size(usize::MAX));
        let configuration = format!(
            "load_module {MODULE};\ndaemon off;\nmaster_process off;\nerror_log {here}/error.log;\npid {here}/pid;\n\
             worker_rlimit_nofile {descriptors};\nevents {{ worker_connections {descriptors}; }}\n\
             http {{ access_log off; client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;\n\
             uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
             server {{ listen {address} backlog=4096;\n\
             location /publish {{ nchan_publisher; nchan_channel_id bench; }}\n\
             location /stream {{ nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }}\n\
             }} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let process = Command::new(BINARY).arg("-c").arg(&file).arg("-p").arg(&folder).spawn()?;
        Ok(Self { process, folder })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The figures of nginx with nchan; none if it is not installed.
pub fn measure(settings: &Settings) -> Measured {
    if !Path::new(MODULE).exists() || !Path::new(BINARY).exists() {
        eprintln!("nginx with nchan is not installed: no yardstick for fan-out");
        return Ok(Vec::new());
    }
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let _nginx = Nginx::start(address)?;
    wait_for(address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A viewer counts as connected when it has received something. So there is a first message, which each viewer gets
    // when it connects.
    runtime.block_on(publish_one(address, 0))?;
    let stream = wire::request("GET", "/stream", address, "Accept: text/event-stream\r\n", b"");
    let count = Fleet::size(VIEWERS);
    let fleet = Fleet::open(address, stream, count, |bytes| last_number(bytes, b"data: "))?;
    fleet.take_arrivals();
    let published = runtime.block_on(publish(settings, address))?;
    std::thread::sleep(SETTLING);
    let arrivals = fleet.take_arrivals();
    fleet.close()?;
    let mut samples = delivery("nginx with nchan", &published, &arrivals, count)?;
    // These figures are a yardstick, so they have no goal.
    samples.iter_mut().for_each(|sample| sample.goal = Goal::None);
    Ok(samples)
}

fn wait_for(address: SocketAddr) -> Result<(), Failure> {
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        if begun.elapsed() > Duration::from_secs(5) {
            return Err("nginx does not listen".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

async fn publish_one(address: SocketAddr, number: u64) -> Result<(), Failure> {
    let mut wire = Wire::open(address).await?;
    let body = format!("{number} {PADDING}");
    wire.exchange(&wire::request("POST", "/publish", address, "", body.as_bytes())).await?;
    Ok(())
}

async fn publish(settings: &Settings, address: SocketAddr) -> Result<BTreeMap<u64, Instant>, Failure> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut published = BTreeMap::new();
    let begun = Instant::now();
    for number in 1.. {
        ticks.tick().await;
        if begun.elapsed() >= settings.duration {
            break;
        }
        published.insert(number, Instant::now());
        publish_one(address, number).await?;
    }
    Ok(published)
}
