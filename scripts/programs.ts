// Bundles the data-plane programs that need nothing from node_modules: `node scripts/programs.ts <folder>`. `npm run build` does it for the package,
// `slipway up` in a checkout for its own run: from sources an executor takes 35 MB more and a second longer to start.
import { join, resolve } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

/** Bundled CommonJS (mqtt) calls `require` for Node's own modules. */
const requireBanner =
  'import { createRequire as createRequireForBundle } from "node:module"; const require = createRequireForBundle(import.meta.url);';

/**
 * What mqtt.js loads for websockets, proxies and browsers, and `readable-stream`, a copy of Node's streams for old Nodes. A data-plane program connects
 * by TCP on the Node it is made for, so it gets none of it: an idle executor has 15.5 MB of private memory instead of 19.0.
 */
const unused = /^(?:ws|socks|worker-timers)$/;
const withoutUnused: Plugin = {
  name: "without-unused",
  setup(context) {
    context.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "unused" }));
    context.onResolve({ filter: /^readable-stream$/ }, () => ({ path: "node:stream", external: true }));
    context.onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

/** One file a program, with all that it needs. @param entryPoints the programs' names and sources */
export function programOptions(entryPoints: { readonly [name: string]: string }): BuildOptions {
  return {
    absWorkingDir: join(import.meta.dirname, ".."),
    entryPoints: { ...entryPoints },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    plugins: [withoutUnused],
    minify: true,
    keepNames: true,
    legalComments: "linked",
    logLevel: "warning",
    outExtension: { ".js": ".mjs" },
    banner: { js: requireBanner },
  };
}

/** @returns what went into them */
export async function buildPrograms(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    ...programOptions({ executor: "src/executor/main.ts", gateway: "src/gateway/main.ts" }),
    outdir,
    metafile: true,
  });
  return metafile;
}

if (import.meta.main) {
  const [outdir] = process.argv.slice(2);
  if (outdir === undefined) throw new Error("usage: node scripts/programs.ts <folder>");
  await buildPrograms(resolve(outdir));
}
