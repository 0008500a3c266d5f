//! Who sent a request: the other end of the connection, or whom trusted proxies name.
//!
//! A proxy adds the address that it sees to the end of `X-Forwarded-For`, or of `Forwarded` (RFC 7239); what stands before
//! may be anybody's invention. So the list is read from its end, as long as trusted proxies wrote it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most hops that are read. Nobody has so many proxies.
const MAX_HOPS: usize = 32;

/// The other end of the connection that a request came over; an extension of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who sent a request, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// The client's address; that of the proxy in front where it names nobody, or two.
    pub(super) address: IpAddr,
    /// A trusted proxy sent both headers, and they name different clients.
    pub(super) is_disputed: bool,
}

/// The client. `None`: the request did not come over a connection.
pub(super) fn sender(request: &Request, trusted: &[IpNet]) -> Option<Sender> {
    let Peer(peer) = *request.extensions().get()?;
    let peer = peer.to_canonical();
    if !is_trusted(trusted, peer) {
        return Some(Sender { address: peer, is_disputed: false });
    }
    Some(forwarded(peer, request.headers(), trusted))
}

/// Whether the other end looks like a proxy that nobody told us of: near, and it hands on whom it speaks for. Its clients can't be
/// told apart.
pub(super) fn is_unknown_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    let is_near = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    };
    let speaks_for_another = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    is_near && speaks_for_another && !is_trusted(trusted, peer)
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Whom the trusted `peer` speaks for. Most proxies write one of the headers and hand on the other as a client sent it, and which
/// one that is can't be told: where both are there, they must agree.
fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Sender {
    let [usual, standard] = [X_FORWARDED_FOR, FORWARDED].map(|name| headers.contains_key(name));
    let by_usual = || walk(peer, headers, X_FORWARDED_FOR, node, trusted);
    let by_standard = || walk(peer, headers, FORWARDED, forwarded_for, trusted);
    let address = match (usual, standard) {
        (false, false) => peer,
        (true, false) => by_usual(),
        (false, true) => by_standard(),
        (true, true) => match by_usual() {
            address if address == by_standard() => address,
            _ => return Sender { address: peer, is_disputed: true },
        },
    };
    Sender { address, is_disputed: false }
}

/// Goes back from the trusted `peer`, hop by hop, until somebody is not trusted, nobody is left, or a hop makes no sense.
fn walk(
    peer: IpAddr,
    headers: &HeaderMap,
    name: HeaderName,
    parse: fn(&str) -> Option<IpAddr>,
    trusted: &[IpNet],
) -> IpAddr {
    // Several headers of one name are one list (RFC 9110, section 5.3).
    let values: Vec<_> = headers.get_all(name).iter().collect();
    let mut believed = peer;
    let mut hops = 0;
    for value in values.into_iter().rev() {
        let Ok(value) = value.to_str() else { break };
        for hop in split(value, ',').into_iter().rev() {
            hops += 1;
            let Some(address) = parse(hop.trim()).filter(|_| hops <= MAX_HOPS) else { return believed };
            believed = address;
            if !is_trusted(trusted, address) {
                return believed;
            }
        }
    }
    believed
}

/// Splits at `separator`, but not within quotes (RFC 9110, section 5.6.4).
fn split(value: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(|character| {
        let splits = character == separator && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    });
    parts.collect()
}

/// The address in the `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let value = split(element, ';').into_iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    })?;
    let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
    node(value)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok();
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| bare().map(IpAddr::V6))
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_near_proxy_that_nobody_named_is_told_by_whom_it_speaks_for() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, header, unknown) in [
            ("127.0.0.1", "x-forwarded-for", true),
            ("192.168.0.1", "forwarded", true),
            ("172.16.0.1", "x-forwarded-for", true),
            ("::ffff:127.0.0.1", "x-forwarded-for", true),
            ("::1", "x-forwarded-for", true),
            ("fd00::1", "x-forwarded-for", true),
            ("127.0.0.1", "via", false),
            ("10.0.0.1", "x-forwarded-for", false),
            ("192.0.2.1", "x-forwarded-for", false),
            ("2001:db8::1", "x-forwarded-for", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(header), http::HeaderValue::from_static("192.0.2.7"));
            assert_eq!(
                is_unknown_proxy(peer.parse().unwrap(), &headers, &trusted),
                unknown,
                "{peer} {header}"
            );
        }
    }

    fn sender_of(peer: &str, headers: &[(&str, &str)]) -> Sender {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let mut request = Request::builder().extension(Peer(peer.parse().unwrap()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        sender(&request.body(Body::empty()).unwrap(), &trusted).unwrap()
    }

    fn client_of(peer: &str, headers: &[(&str, &str)]) -> String {
        let Sender { address, is_disputed } = sender_of(peer, headers);
        assert!(!is_disputed, "{headers:?}");
        address.to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_who_the_client_is() {
        for headers in [
            &[][..],
            &[("X-Forwarded-For", "198.51.100.7")],
            &[("Forwarded", "for=198.51.100.7")],
            &[("X-Forwarded-For", "10.0.0.1")],
        ] {
            assert_eq!(client_of("203.0.113.9", headers), "203.0.113.9", "{headers:?}");
        }
    }

    #[test]
    fn what_trusted_proxies_wrote_is_read_from_its_end() {
        for (header, expected) in [
            // Behind one proxy, and behind two.
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("198.51.100.7,10.0.0.2 ,\t10.0.0.3", "198.51.100.7"),
            // What a client wrote itself stands before what the first proxy saw.
            ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            // Only proxies: the farthest is the client.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // Ports and brackets.
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("fd00::5, 10.0.0.2", "fd00::5"),
            // One address, two spellings: the old one counts.
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
            // What makes no sense ends the walk at the last proxy that did.
            ("", "10.1.1.1"),
            (" , ", "10.1.1.1"),
            ("unknown", "10.1.1.1"),
            ("198.51.100.7, unknown", "10.1.1.1"),
            ("198.51.100.7, _hidden, 10.0.0.2", "10.0.0.2"),
            ("198.51.100.7, 10.0.0.2,", "10.1.1.1"),
            ("198.51.100.7;10.0.0.2", "10.1.1.1"),
            ("198.51.100.256", "10.1.1.1"),
            ("198.51.100.7 10.0.0.2", "10.1.1.1"),
            ("\"198.51.100.7\"", "10.1.1.1"),
            ("[198.51.100.7]", "10.1.1.1"),
            ("[2001:db8::7", "10.1.1.1"),
            ("2001:db8::7%eth0", "10.1.1.1"),
            ("<script>", "10.1.1.1"),
        ] {
            assert_eq!(client_of("10.1.1.1", &[("X-Forwarded-For", header)]), expected, "{header:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (header, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"198.51.100.7:4711\"", "198.51.100.7"),
            ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=\"[2001:db8::7]\";proto=https;by=10.0.0.1", "2001:db8::7"),
            ("proto=https; for=198.51.100.7", "198.51.100.7"),
            ("for=127.0.0.1, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
            ("for=198.51.100.7, for=10.0.0.2;host=\"a,b;for=203.0.113.5\"", "198.51.100.7"),
            ("for=198.51.100.7, host=\"a\\\",for=203.0.113.5\";for=10.0.0.2", "198.51.100.7"),
            ("for=unknown", "10.1.1.1"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("for=\"198.51.100.7", "10.1.1.1"),
            ("for=", "10.1.1.1"),
            ("proto=https", "10.1.1.1"),
            ("198.51.100.7", "10.1.1.1"),
        ] {
            assert_eq!(client_of("10.1.1.1", &[("Forwarded", header)]), expected, "{header:?}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let lists = [("X-Forwarded-For", "127.0.0.1, 198.51.100.7"), ("X-Forwarded-For", "10.0.0.2")];
        assert_eq!(client_of("10.1.1.1", &lists), "198.51.100.7");
        let endless = vec!["10.0.0.2"; 1_000].join(",");
        assert_eq!(client_of("10.1.1.1", &[("X-Forwarded-For", &endless)]), "10.0.0.2");
        assert_eq!(client_of("::ffff:192.0.2.1", &[("X-Forwarded-For", "198.51.100.7")]), "198.51.100.7");
    }
    #[test]
    fn two_headers_that_name_two_clients_name_none() {
        for (standard, usual, agreed) in [
            ("for=198.51.100.7", "198.51.100.7", Some("198.51.100.7")),
            (
                "for=\"198.51.100.7:4711\";proto=https",
                "127.0.0.1, 198.51.100.7, 10.0.0.2",
                Some("198.51.100.7"),
            ),
            ("for=\"[2001:db8::7]\"", "2001:db8:0::7", Some("2001:db8::7")),
            // Neither names anybody.
            ("for=unknown", "unknown", Some("10.1.1.1")),
            // One of them is a client's invention.
            ("for=203.0.113.5", "198.51.100.7", None),
            ("for=203.0.113.5, for=198.51.100.7", "203.0.113.5", None),
            ("for=unknown", "198.51.100.7", None),
            ("for=198.51.100.7", "", None),
            ("for=10.0.0.2", "10.0.0.3", None),
        ] {
            let both = [("Forwarded", standard), ("X-Forwarded-For", usual)];
            let expected = Sender {
                address: agreed.unwrap_or("10.1.1.1").parse().unwrap(),
                is_disputed: agreed.is_none(),
            };
            assert_eq!(sender_of("10.1.1.1", &both), expected, "{both:?}");
            // Nobody's word is taken who is not trusted.
            assert_eq!(client_of("203.0.113.9", &both), "203.0.113.9");
        }
    }
}
