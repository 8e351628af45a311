/** Grammar of image references (distribution/reference), loosely: no blanks, a name, a tag or a digest at the end. */
const TAG = /^\w[\w.-]{0,127}$/;
const REFERENCE =
  /^[A-Za-z0-9](?:[\w.:/-]*[A-Za-z0-9])?(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w+.-]*:[0-9A-Fa-f]{32,})?$/;

export interface ImageParts {
  /** `registry.example:5000/team/shop`. */
  readonly name: string;
  readonly tag?: string;
  /** `sha256:...`. */
  readonly digest?: string;
}

/** A colon behind the last slash begins a tag; before it, it is a registry's port. */
export function parseImage(image: string): ImageParts {
  const [rest = "", digest] = image.split("@", 2);
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  return {
    name: colon < 0 ? rest : rest.slice(0, colon),
    ...(colon < 0 ? {} : { tag: rest.slice(colon + 1) }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * The image that a revision's name means: an image reference (it has a `/`, or a digest) is taken as it is; everything
 * else is a tag of the template's image, as `kubectl set image` would be given.
 */
export function imageOf(
  revision: string,
  template: string,
): { readonly is: "image"; readonly image: string } | { readonly is: "invalid"; readonly why: string } {
  if (revision.includes("/") || revision.includes("@sha256:"))
    return REFERENCE.test(revision)
      ? { is: "image", image: revision }
      : { is: "invalid", why: `"${revision}" is no image reference` };
  if (TAG.test(revision)) return { is: "image", image: `${parseImage(template).name}:${revision}` };
  const colon = revision.includes(":") ? `; an image has a "/": docker.io/library/${revision}` : "";
  return { is: "invalid", why: `"${revision}" is no tag of ${parseImage(template).name}${colon}` };
}

/**
 * The revision that the template's image already is: its digest's whole reference, else its tag. Undefined when it has
 * neither: what `latest` means nobody can say tomorrow.
 */
export function revisionOf(image: string): string | undefined {
  const { tag, digest } = parseImage(image);
  return digest === undefined ? tag : image;
}
