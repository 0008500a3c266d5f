//! Command lines to copy and paste, for the address that the server listens on.

use std::net::SocketAddr;

use crate::wiring::origin;

/// Where the page with the messages is.
pub const INBOX: &str = "/dev/inbox";

/// The verification that the lines are about.
const ID: &str = "my-first-code";
/// Whom its message is for.
const TO: &str = "ann@example.com";

/// Lines that show the whole way of a passcode.
#[derive(Clone, Debug)]
pub struct Commands {
    origin: String,
}

impl Commands {
    /// Lines for a server that listens there.
    pub fn new(listen: SocketAddr) -> Self {
        Self { origin: origin(listen) }
    }

    /// Where the server is: scheme, address and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where a browser shows the messages.
    pub fn inbox(&self) -> String {
        format!("{}{}", self.origin, INBOX)
    }

    /// Asks for a passcode.
    pub fn ask(&self) -> String {
        format!("curl -u dev:dev -X PUT -d provider=inbox -d to={TO} {}", self.otp(""))
    }

    /// Prints the code that came.
    pub fn look(&self) -> String {
        format!("curl {}", self.code())
    }

    /// Checks the code that came. The verification is kept, so that its status can be asked for.
    pub fn check(&self) -> String {
        format!("curl -u dev:dev -d otp=$(curl -s {}) -d skip_delete=true {}", self.code(), self.otp(""))
    }

    /// Asks whether it was verified.
    pub fn status(&self) -> String {
        format!("curl -u dev:dev -X POST {}", self.otp("/status"))
    }

    fn code(&self) -> String {
        self.quoted(&format!("{}/code?to={TO}", INBOX))
    }

    fn otp(&self, rest: &str) -> String {
        self.quoted(&format!("/api/otp/{ID}{rest}"))
    }

    /// A URL as an argument of curl in a shell, which both take some characters for patterns.
    fn quoted(&self, path: &str) -> String {
        let url = format!("{}{path}", self.origin);
        if url.contains('[') {
            format!("-g '{url}'")
        } else if url.contains('?') {
            format!("'{url}'")
        } else {
            url
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_name_the_address_that_the_server_listens_on() {
        for (listen, origin) in [
            ("127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("0.0.0.0:9100", "http://127.0.0.1:9100"),
            ("[::]:9100", "http://[::1]:9100"),
            ("192.168.1.7:80", "http://192.168.1.7:80"),
        ] {
            let commands = Commands::new(listen.parse().unwrap());
            assert_eq!(commands.origin(), origin);
            for line in
                [commands.inbox(), commands.ask(), commands.look(), commands.check(), commands.status()]
            {
                assert!(line.contains(origin), "{line}");
            }
        }
        let commands = Commands::new("[::1]:1".parse().unwrap());
        assert!(
            commands.status().ends_with("-g 'http://[::1]:1/api/otp/my-first-code/status'"),
            "{}",
            commands.status()
        );
    }
}
