//! The peer: nginx as a plain reverse proxy, one worker on the first processor, connections to the stub kept open.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

pub(crate) struct Nginx {
    child: Child,
    authority: String,
    _folder: tempfile::TempDir,
}

impl Nginx {
    pub(crate) fn start(stub: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let home = folder.path().display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;
    uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
    keepalive_requests 100000000;
    upstream stub {{ server {stub}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen {authority};
        location / {{
            proxy_pass http://stub;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, config)?;
        let child = Command::new("taskset")
            .args(["--cpu-list", "0", "nginx", "-c"])
            .arg(&path)
            .arg("-e")
            .arg(folder.path().join("early.log"))
            .stdin(Stdio::null())
            .spawn()
            .context("starting nginx; on Debian: apt-get install nginx-light")?;
        let nginx = Self { child, authority, _folder: folder };
        testkit::until("nginx to accept", Duration::from_secs(10), || {
            Ok(TcpStream::connect(&nginx.authority).ok())
        })?;
        Ok(nginx)
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
