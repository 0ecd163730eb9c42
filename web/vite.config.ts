import type { UserConfig } from "vite";

/**
 * Nothing is written into the page itself, be it a script, a style or a `data:` address: the server's content security
 * policy lets only files through.
 */
const config: UserConfig = {
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
};

export default config;
