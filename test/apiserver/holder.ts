// Starts a server, prints its address and waits to be killed.
import { startApiServer } from "./server.ts";

const { url } = await startApiServer();
console.log(url);
setInterval(() => undefined, 60_000);
