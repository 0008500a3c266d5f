//! The forms of values, as Go's standard library reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};

/// Nanoseconds of one of each unit.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3_600e9),
];

/// Milliseconds of a length of time: as Go writes them (`1m30s`, `1.5h`), or a bare whole number of nanoseconds. What is
/// negative is 0. `None`: it is none.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let nanoseconds = match text.parse::<i64>() {
        Ok(nanoseconds) => nanoseconds as f64,
        Err(_) => go_duration(text)?,
    };
    // A cast ends at the bounds of the type.
    Some((nanoseconds / 1e6) as u64)
}

fn go_duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanoseconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Some(sign * nanoseconds).filter(|_| !text.ends_with(['+', '-']))
}

/// As `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Where `net.Listen` listens for `host:port`: no host is every interface, and a name is looked up (IPv4 first).
///
/// # Errors
/// In words, what is wrong.
pub(in super::super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let form = || "must be HOST:PORT, like \":9000\" or \"127.0.0.1:9000\"".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
    let port: u16 = port.parse().map_err(|_| form())?;
    if host.is_empty() {
        return Ok(SocketAddr::new(every_interface(), port));
    }
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if in_brackets.is_none() && host.contains(':') {
        return Err(form());
    }
    let host = in_brackets.unwrap_or(host);
    let found =
        (host, port).to_socket_addrs().map_err(|_| format!("the name `{host}` can't be looked up"))?;
    let found: Vec<SocketAddr> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
    first.copied().ok_or_else(|| format!("the name `{host}` has no address"))
}

/// `::` takes IPv4 too; where the system has no IPv6 it can't be had.
fn every_interface() -> IpAddr {
    match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_go_s() {
        for (text, expected) in [
            ("5s", Some(5_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            (".5s", Some(500)),
            ("250ms", Some(250)),
            ("1500us", Some(1)),
            ("1500µs", Some(1)),
            ("5000000000", Some(5_000)),
            ("5", Some(0)),
            ("0", Some(0)),
            ("+5s", Some(5_000)),
            ("-5s", Some(0)),
            ("", None),
            ("-", None),
            ("s", None),
            ("5 s", None),
            ("5d", None),
            ("5s3", None),
            ("1.2.3s", None),
            ("soon", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_go_s() {
        for (text, expected) in [
            ("0.0.0.0:9000", "0.0.0.0:9000"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:80", "127.0.0.1:80"),
        ] {
            assert_eq!(listen_address(text), Ok(expected.parse().unwrap()), "{text:?}");
        }
        let everywhere = listen_address(":9000").unwrap();
        assert!(everywhere.ip().is_unspecified() && everywhere.port() == 9000, "{everywhere}");
        for text in ["", "9000", "localhost", "::1:9000", "127.0.0.1:http", "127.0.0.1:70000"] {
            assert!(
                listen_address(text).is_err_and(|error| error.starts_with("must be HOST:PORT")),
                "{text:?}"
            );
        }
    }
}
