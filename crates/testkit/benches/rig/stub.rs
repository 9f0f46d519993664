//! The cloud that both gateways stand before: it reads a request and answers at once with the same few bytes.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use anyhow::Result;

pub(crate) struct Stub {
    authority: String,
}

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:iam::123456789012:user/owner</Arn><UserId>AIDAOWNER</UserId><Account>123456789012</Account>\
    </GetCallerIdentityResult></GetCallerIdentityResponse>";
const TABLES: &str =
    r#"{"TableNames":["accounts","baskets","customers","invoices","ledger","orders","payments","stock"]}"#;

impl Stub {
    /// Serves until the process ends.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let authority = listener.local_addr()?.to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that breaks off is the other side's affair.
                std::thread::spawn(move || drop(converse(stream)));
            }
        });
        Ok(Self { authority })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

fn converse(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut held, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        held.extend(piece.get(..read).unwrap_or_default());
        while let Some(length) = whole(&held) {
            let request: Vec<u8> = held.drain(..length).collect();
            stream.write_all(&answer(&request))?;
        }
    }
}

/// How long the first request is, once all of it is there.
fn whole(held: &[u8]) -> Option<usize> {
    let end = held.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(held.get(..end)?).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let length = end + length.unwrap_or(0);
    (held.len() >= length).then_some(length)
}

fn answer(request: &[u8]) -> Vec<u8> {
    let identity = b"Action=GetCallerIdentity";
    let (kind, body) = if request.windows(identity.len()).any(|window| window == identity) {
        ("text/xml", IDENTITY)
    } else {
        ("application/x-amz-json-1.0", TABLES)
    };
    let date = date();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nx-amzn-requestid: 1\r\n\r\n{body}"
    )
    .into_bytes()
}

/// As HTTP writes it (RFC 9110, 5.6.7); the gateway holds its own clock against it.
fn date() -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now = testkit::now();
    let stamp = testkit::stamp(now);
    let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default().to_owned();
    let day = DAYS.get(usize::try_from(now / 86_400 % 7).unwrap_or(0)).copied().unwrap_or_default();
    let month = part(4, 6).parse::<usize>().unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or_default();
    format!(
        "{day}, {} {month} {} {}:{}:{} GMT",
        part(6, 8),
        part(0, 4),
        part(9, 11),
        part(11, 13),
        part(13, 15)
    )
}
