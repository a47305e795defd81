/**
 * What to do about a certificate that was not believed, as the end of a message; empty where the message tells of something else. Node and the
 * libraries that Git speaks TLS with have no words or codes in common but this one.
 */
export function certificateAdvice(message: string): string {
  if (!/certificate/i.test(message)) return "";
  if (/expired|not yet valid/i.test(message)) return ". Renew the forge's certificate, or set this machine's clock";
  if (/altname|does not match/i.test(message)) return ". Write the name that its certificate is for in forge.yaml";
  return ". Where an authority of your own signed it, forge.yaml's certificateAuthority names the file that holds that authority";
}
