// Git over HTTP, read only: what a forge is to Argo CD. Run as `node git-server.ts <folder of bare repositories> <address> <port>`.
import { createServer } from "node:http";
import { answerGit } from "../forge/git-backend.ts";

const [root = "", host = "", port = ""] = process.argv.slice(2);

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://git");
  void answerGit(request, response, { root, path: url.pathname, query: url.search.slice(1) });
});
server.listen(Number(port), host);
