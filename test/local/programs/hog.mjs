// Takes memory outside V8's heap until it is stopped from outside.
const kept = [];
setInterval(() => {
  if (kept.length < 100) kept.push(Buffer.alloc(8 * 2 ** 20, 1));
}, 5);
