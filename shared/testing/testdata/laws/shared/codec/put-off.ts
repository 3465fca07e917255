// breaks: eslint(no-warning-comments)
// TODO: never.
export const later = 1;
