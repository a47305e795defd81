import { RequestError } from "@octokit/request-error";
import type { Octokit } from "@octokit/rest";

/** As many answers are kept; the one that was asked for longest ago goes first. */
const answersMax = 1_000;
/** A longer one is asked for anew. */
const bytesMax = 256 * 1024;

/**
 * Asks again only for what has changed: an answer that is as it was costs nothing of what GitHub lets one ask an hour. A server that looks at twenty
 * open pull requests every minute would be at that limit otherwise.
 */
export function conditional(kit: Octokit): void {
  type Answer = Awaited<ReturnType<typeof kit.request>>;
  const kept = new Map<string, { readonly etag: string; readonly answer: Answer }>();
  kit.hook.wrap("request", async (request, options) => {
    if (options.method !== "GET") return request(options);
    const { url } = kit.request.endpoint(options);
    const known = kept.get(url);
    // These are the options that are sent, whatever a hook hands on.
    if (known !== undefined) options.headers["if-none-match"] = known.etag;
    try {
      const answer = (await request(options)) as Answer;
      const { etag, "content-length": length } = answer.headers;
      kept.delete(url);
      if (etag !== undefined && Number(length ?? 0) <= bytesMax) kept.set(url, { etag, answer });
      const oldest = kept.keys().next().value;
      if (kept.size > answersMax && oldest !== undefined) kept.delete(oldest);
      return answer;
    } catch (error) {
      if (known === undefined || !(error instanceof RequestError) || error.status !== 304) throw error;
      kept.delete(url);
      kept.set(url, known);
      return known.answer;
    }
  });
}
