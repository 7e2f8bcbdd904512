// Names the import map gives to bundled third-party code that is not a package name of its own.

/** Importing it defines every `<wa-…>` element of vendor/webawesome.js. */
declare module "webawesome" {
  /** Names that `<wa-icon name>` can draw. */
  export const iconNames: string[];
}
