import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: '/',
  esbuild: { jsx: 'automatic' },
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022' },
  test: {
    environment: 'jsdom',
    include: ['test/**/*.test.ts'],
    // Strophe's build for browsers: its other one wants an XML parser of its own.
    alias: { 'strophe.js': new URL('./node_modules/strophe.js/dist/strophe.esm.js', import.meta.url).pathname },
  },
});
