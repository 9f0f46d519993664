// Stands before the MCP server and adds its token, for a suite that shows none. All else goes through as it came.
// relay.mjs URL TOKEN; prints its own address once it listens.
import http from "node:http";

const [upstream, token] = [new URL(process.argv[2]), process.argv[3]];
const relay = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${token}` };
  const options = { host: upstream.hostname, port: upstream.port, path: request.url, method: request.method, headers, setHost: false };
  const forwarded = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  response.on("close", () => forwarded.destroy());
  request.pipe(forwarded);
});
relay.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${relay.address().port}${upstream.pathname}`));
