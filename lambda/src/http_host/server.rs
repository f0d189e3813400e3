//! HTTP/1.1, as much of it as platforms speak to a container: bodies with a length
//! or in chunks, connections that stay open. One thread for each connection, up to
//! [`MAX_CONNECTIONS`].

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections at once; a further one is closed.
const MAX_CONNECTIONS: usize = 64;
/// Bytes of all headers of a request.
const MAX_HEAD: usize = 32 << 10;
/// Bytes of a body.
const MAX_BODY: usize = 16 << 20;
/// The longest wait for the next byte.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Lower-case names.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        Some(&found.next()?.1)
    }
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

pub(super) fn run(
    listener: &TcpListener,
    answer: &(dyn Fn(&Request) -> Reply + Sync),
) -> io::Result<()> {
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        loop {
            let (stream, _) = listener.accept()?;
            if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let open = &open;
            scope.spawn(move || {
                // A peer that breaks off is its own affair.
                let _ = converse(&stream, answer);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    })
}

fn converse(stream: &TcpStream, answer: &(dyn Fn(&Request) -> Reply + Sync)) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = match read(&mut reader, &mut &*stream) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let reply = Reply {
                    status: 400,
                    content_type: "text/plain",
                    body: error.to_string().into_bytes(),
                };
                return write(stream, &reply, true);
            }
            Err(error) => return Err(error),
        };
        let closes = request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        write(stream, &answer(&request), closes)?;
        if closes {
            return Ok(());
        }
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The next request; `None`: the peer has closed the connection.
fn read(reader: &mut impl BufRead, writer: &mut impl Write) -> io::Result<Option<Request>> {
    let mut left = MAX_HEAD;
    let first = line(reader, &mut left)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(malformed("not a request line"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(malformed("not HTTP/1.1"));
    }
    let mut request = Request {
        method: method.to_owned(),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    loop {
        let header = line(reader, &mut left)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or(malformed("not a header"))?;
        request
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if request
        .header("expect")
        .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let is_chunked = request
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    request.body = match (is_chunked, request.header("content-length")) {
        (true, None) => chunks(reader)?,
        (true, Some(_)) => return Err(malformed("a body with a length and in chunks")),
        (false, None) => Vec::new(),
        (false, Some(length)) => {
            let length = length.parse().map_err(|_| malformed("not a length"))?;
            body(reader, length)?
        }
    };
    Ok(Some(request))
}

/// One line without its end; empty at the end of the stream, too.
fn line(reader: &mut impl BufRead, left: &mut usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    let most = *left as u64;
    reader.by_ref().take(most).read_until(b'\n', &mut bytes)?;
    *left -= bytes.len();
    if *left == 0 {
        return Err(malformed("the headers are too long"));
    }
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| malformed("the headers are not text"))
}

fn body(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(malformed("the body is too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let size = line(reader, &mut MAX_HEAD.clone())?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("not a chunk"))?;
        if size > MAX_BODY - all.len() {
            return Err(malformed("the body is too large"));
        }
        all.extend(body(reader, size)?);
        // The end of the chunk; behind the last one come trailers and an empty line.
        while !line(reader, &mut MAX_HEAD.clone())?.is_empty() {
            if size > 0 {
                return Err(malformed("a chunk is longer than it says"));
            }
        }
        if size == 0 {
            return Ok(all);
        }
    }
}

fn write(mut stream: &TcpStream, reply: &Reply, closes: bool) -> io::Result<()> {
    let Reply {
        status,
        content_type,
        body,
    } = reply;
    let connection = if closes { "close" } else { "keep-alive" };
    let mut bytes = format!(
        "HTTP/1.1 {status} \r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         connection: {connection}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> io::Result<Option<Request>> {
        read(&mut text.as_bytes(), &mut io::sink())
    }

    #[test]
    fn a_body_has_a_length_or_chunks() {
        let sized = "POST /a?b=c HTTP/1.1\r\nContent-Length: 3\r\nX-Y:  z \r\n\r\nabcd";
        let request = read_all(sized).unwrap().unwrap();
        assert_eq!(
            (&*request.method, &*request.path, &*request.body),
            ("POST", "/a", &b"abc"[..])
        );
        assert_eq!(request.header("x-y"), Some("z"));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\n";
        assert_eq!(read_all(chunked).unwrap().unwrap().body, b"abcde");
        assert!(read_all("").unwrap().is_none());
    }

    #[test]
    fn what_is_not_a_request_is_refused() {
        for text in [
            "hello\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "POST / HTTP/1.1\r\nno header\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n1",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        ] {
            assert!(read_all(text).is_err(), "{text:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MAX_HEAD));
        assert!(read_all(&long).is_err());
    }
}
