//! GeoIP: location and autonomous system of addresses, from files in MaxMind DB format. Without a file
//! nothing is known; callers that need it must refuse.
pub mod countries;

use maxminddb::{LookupResult, MaxMindDbError, Reader, geoip2};
use signet_base::{Error, Map, Result, json};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// Maximum file size: files are loaded into memory.
const MAX_FILE: u64 = 512 * 1024 * 1024;

/// The location of an address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Location {
    /// Continent code, two letters.
    pub continent: String,
    /// ISO 3166 country code, two letters.
    pub country: String,
    pub city: String,
    /// Latitude and longitude in degrees.
    pub point: Option<(f64, f64)>,
}
impl Location {
    /// The members for expressions and the API: `continent`, `country`, `lat`, `long`, `city`.
    pub fn to_map(&self) -> Map {
        let (lat, long) = self.point.unzip();
        let shown = json!({"continent": self.continent, "country": self.country, "lat": lat, "long": long, "city": self.city});
        shown.as_object().cloned().unwrap_or_default()
    }
}

/// The autonomous system of an address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    pub asn: i64,
    pub organisation: String,
    /// `address/prefix`
    pub network: String,
}
impl Network {
    /// The members for expressions and the API: `asn`, `as_org`, `network`.
    pub fn to_map(&self) -> Map {
        let shown = json!({"asn": self.asn, "as_org": self.organisation, "network": self.network});
        shown.as_object().cloned().unwrap_or_default()
    }
}

/// The known facts about an address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Located {
    pub place: Option<Location>,
    pub network: Option<Network>,
}

struct File {
    path: String,
    state: RwLock<State>,
}
#[derive(Default)]
struct State {
    changed: Option<SystemTime>,
    reader: Option<Arc<Reader<Vec<u8>>>>,
    problem: String,
}

impl File {
    fn new(path: &str) -> Self {
        let me = Self { path: path.to_owned(), state: RwLock::default() };
        me.refresh();
        me
    }
    fn refresh(&self) {
        if self.path.is_empty() {
            return;
        }
        let changed = std::fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if changed.is_some() && state.changed == changed {
                return;
            }
            // While a file is being replaced it does not exist: keep the loaded one.
            if changed.is_none() && state.reader.is_some() {
                return;
            }
        }
        let read = open(&self.path);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(reader) => {
                tracing::info!(path = %self.path, "database of addresses read");
                *state = State { changed, reader: Some(Arc::new(reader)), problem: String::new() };
            }
            Err(problem) => {
                if changed.is_some() {
                    tracing::warn!(path = %self.path, %problem, "a database of addresses cannot be read");
                }
                state.changed = changed;
                state.problem = problem;
            }
        }
    }
    fn reader(&self) -> Option<Arc<Reader<Vec<u8>>>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).reader.clone()
    }
    /// Why there is no database.
    fn problem(&self) -> String {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match (self.path.is_empty(), state.problem.is_empty()) {
            (true, _) => "no file is set".to_owned(),
            (false, true) => format!("{} was not read", self.path),
            (false, false) => format!("{}: {}", self.path, state.problem),
        }
    }
}

fn open(path: &str) -> std::result::Result<Reader<Vec<u8>>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("the file is larger than {} MiB", MAX_FILE >> 20));
    }
    Reader::open_readfile(path).map_err(|e| e.to_string())
}

/// Both databases. [`GeoIp::refresh`] reloads changed files.
pub struct GeoIp {
    city: File,
    asn: File,
}

impl GeoIp {
    /// Empty paths and missing files are not errors; nothing is known then.
    pub fn open(city: &str, asn: &str) -> Self {
        Self { city: File::new(city), asn: File::new(asn) }
    }
    /// Reloads changed files. Blocks; do not call it on a thread that serves requests.
    pub fn refresh(&self) {
        self.city.refresh();
        self.asn.refresh();
    }
    /// Fails if there is no location database.
    pub fn knows_places(&self) -> Result<()> {
        match self.city.reader() {
            Some(_) => Ok(()),
            None => {
                Err(Error::unavailable(format!("there is no database of places ({})", self.city.problem())))
            }
        }
    }
    /// Fails if there is no AS database.
    pub fn knows_networks(&self) -> Result<()> {
        match self.asn.reader() {
            Some(_) => Ok(()),
            None => {
                Err(Error::unavailable(format!("there is no database of networks ({})", self.asn.problem())))
            }
        }
    }
    /// Looks an address up. Unknown addresses have neither location nor AS.
    ///
    /// # Errors
    /// A damaged database.
    pub fn look_up(&self, ip: IpAddr) -> Result<Located> {
        let ip = ip.to_canonical();
        Ok(Located { place: self.place(ip)?, network: self.network(ip)? })
    }
    fn place(&self, ip: IpAddr) -> Result<Option<Location>> {
        let Some(reader) = self.city.reader() else { return Ok(None) };
        let Some(found) = found(&reader, ip)? else { return Ok(None) };
        let Some(city) = found.decode::<geoip2::City>().map_err(Error::internal)? else { return Ok(None) };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let point = city
            .location
            .latitude
            .zip(city.location.longitude)
            .filter(|(lat, long)| lat.abs() <= 90.0 && long.abs() <= 360.0);
        Ok(Some(Location {
            continent: text(city.continent.code),
            country: text(city.country.iso_code),
            city: text(city.city.names.english),
            point,
        }))
    }
    fn network(&self, ip: IpAddr) -> Result<Option<Network>> {
        let Some(reader) = self.asn.reader() else { return Ok(None) };
        let Some(found) = found(&reader, ip)? else { return Ok(None) };
        let Some(record) = found.decode::<geoip2::Asn>().map_err(Error::internal)? else { return Ok(None) };
        let Some(asn) = record.autonomous_system_number else { return Ok(None) };
        let network = found.network().map_err(Error::internal)?.to_string();
        Ok(Some(Network {
            asn: i64::from(asn),
            organisation: record.autonomous_system_organization.unwrap_or_default().to_owned(),
            network,
        }))
    }
}

/// A database with IPv4 only has no entries for IPv6.
fn found(reader: &Reader<Vec<u8>>, ip: IpAddr) -> Result<Option<LookupResult<'_, Vec<u8>>>> {
    match reader.lookup(ip) {
        Ok(found) => Ok(Some(found)),
        Err(MaxMindDbError::InvalidInput { .. }) => Ok(None),
        Err(damage) => Err(Error::internal(damage)),
    }
}

/// Great-circle distance in kilometres.
pub fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    const RADIUS: f64 = 6371.0088;
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let half = |x: f64| (x / 2.0).sin().powi(2);
    let h = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half((b.1 - a.1).to_radians());
    2.0 * RADIUS * h.clamp(0.0, 1.0).sqrt().asin()
}

/// Maximum travel speed in km/h.
const SPEED: f64 = 1000.0;

/// Whether the distance, less `tolerance_km`, is too large for the time.
pub fn is_impossible(distance_km: f64, seconds: i64, tolerance_km: f64) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "a length of time in seconds")]
    let hours = seconds.max(0) as f64 / 3600.0;
    distance_km > SPEED * hours + tolerance_km.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn distances_fit_the_globe() {
        let (berlin, new_york) = ((52.52, 13.405), (40.7128, -74.006));
        assert!((distance_km(berlin, new_york) - 6385.0).abs() < 10.0, "{}", distance_km(berlin, new_york));
        assert!(distance_km(berlin, berlin) < 0.001);
        assert!((distance_km((0.0, 179.9), (0.0, -179.9)) - 22.2).abs() < 0.5);
        assert!((distance_km((90.0, 0.0), (-90.0, 0.0)) - 20_015.0).abs() < 5.0);
    }
    #[test]
    fn travel_takes_time() {
        assert!(is_impossible(6385.0, 3600, 100.0) && !is_impossible(6385.0, 7 * 3600, 100.0));
        assert!(!is_impossible(90.0, 0, 100.0) && is_impossible(101.0, -5, 100.0));
    }
    #[test]
    fn without_files_nothing_is_known_and_the_reason_is_said() {
        let none = GeoIp::open("", "/does/not/exist.mmdb");
        assert_eq!(none.look_up([192, 0, 2, 1].into()).unwrap(), Located::default());
        assert!(none.knows_places().unwrap_err().to_string().contains("no file is set"));
        assert!(none.knows_networks().unwrap_err().to_string().contains("/does/not/exist.mmdb"));
    }
}
