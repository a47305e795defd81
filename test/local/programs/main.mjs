// Ends with its helper: connects to its socket, and says that it is gone when the connection closes.
import { connect } from "node:net";

const call = () => {
  const peer = connect(process.env.SOCKET);
  peer.on("connect", () =>
    peer.on("close", () => {
      console.error("the helper is gone");
      process.exit(1);
    }),
  );
  peer.on("error", () => setTimeout(call, 20));
};
call();
