//! The door: who comes in over HTTP, and who does not.

use mcp::{Door, Token, TokenError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::rig::{Plane, World, desk, snapshot};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;

async fn open() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let door = Door::new(Token::new(TOKEN).unwrap(), &["mcp.example".to_owned()]).unwrap();
    let desk = desk(World { snapshot: Some(snapshot()), plane: Some(Plane::default()) });
    tokio::spawn(door.serve(socket, desk));
    port
}

/// Status line and body.
async fn send(port: u16, first: &str, headers: &[&str], body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head =
        format!("{first} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that has refused reads no more of it.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told).await;
    let told = String::from_utf8_lossy(&told).into_owned();
    let status = told.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, told)
}

#[tokio::test]
async fn only_who_is_meant_comes_in() {
    let port = open().await;
    let host = format!("Host: 127.0.0.1:{port}");
    let token = format!("Authorization: Bearer {TOKEN}");
    let kind = ["Content-Type: application/json", "Accept: application/json, text/event-stream"];
    let wrong = format!("Authorization: Bearer {}", TOKEN.replace('0', "1"));
    for (first, headers, wanted) in [
        ("POST /mcp", vec![host.as_str(), &token], 200),
        ("POST /mcp", vec!["Host: localhost:9", &token, "Origin: http://localhost:5173"], 200),
        ("POST /mcp", vec!["Host: [::1]:9", &token], 200),
        ("POST /mcp", vec!["Host: MCP.example", &token, "Origin: https://mcp.example"], 200),
        ("POST /mcp", vec!["Host: evil.example", &token], 403),
        ("POST /mcp", vec!["Host: 127.0.0.1.evil.example", &token], 403),
        ("POST /mcp", vec!["Host: localhost@evil.example", &token], 403),
        ("POST /mcp", vec![&host, "Host: evil.example", &token], 403),
        ("POST http://evil.example/mcp", vec![&host, &token], 403),
        ("POST /mcp", vec![&host, &token, "Origin: http://evil.example"], 403),
        ("POST /mcp", vec![&host, &token, "Origin: null"], 403),
        ("POST /mcp", vec![&host, &token, "Origin: http://localhost.evil.example"], 403),
        ("POST /mcp", vec![&host], 401),
        ("POST /mcp", vec![&host, &wrong], 401),
        ("POST /mcp", vec![&host, "Authorization: Bearer"], 401),
        ("POST /mcp", vec![&host, &format!("Authorization: Basic {TOKEN}")], 401),
        ("POST /mcp", vec![&host, &token, &wrong], 401),
        ("POST /", vec![&host, &token], 404),
        ("POST /mcp/../x", vec![&host, &token], 404),
        ("GET /mcp", vec![&host, &token], 405),
        ("DELETE /mcp", vec![&host, &token], 405),
    ] {
        let headers: Vec<&str> = headers.into_iter().chain(kind).collect();
        let (status, told) = send(port, first, &headers, LIST).await;
        assert_eq!(status, wanted, "{first} {headers:?}: {told}");
        assert_eq!(told.contains("\"withdraw\""), wanted == 200, "{told}");
        assert!(!told.contains(TOKEN));
    }
}

#[tokio::test]
async fn bodies_have_bounds() {
    let port = open().await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let headers = [
        "Host: localhost",
        &token,
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
    ];
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(2 << 20));
    assert_eq!(send(port, "POST /mcp", &headers, &large).await.0, 413);
    for broken in ["", "{", "[]", "[1]", "\u{0}", "{\"jsonrpc\":\"1.0\"}", &"[".repeat(100_000)] {
        let (status, told) = send(port, "POST /mcp", &headers, broken).await;
        assert!((400..500).contains(&status), "{status} {told}");
    }
    assert_eq!(send(port, "POST /mcp", &headers, LIST).await.0, 200, "and it still serves");
}

#[test]
fn a_token_is_not_to_be_guessed() {
    let check = |text: &str| Token::new(text).err();
    assert_eq!(check(TOKEN), None);
    assert_eq!(check("secret"), Some(TokenError::TooShort));
    assert_eq!(check(&"x".repeat(513)), Some(TokenError::TooLong));
    assert_eq!(check(&"x y".repeat(20)), Some(TokenError::Character));
    assert!(Door::new(Token::new(TOKEN).unwrap(), &["a b".to_owned()]).is_err());
    assert!(Door::new(Token::new(TOKEN).unwrap(), &["a:80".to_owned()]).is_err());
}
