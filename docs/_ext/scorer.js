// How the search weighs what it finds. The numbers are the theme's own; what is added: the pages on how the statements are
// checked come behind those for readers, unless nothing else is found.
var Scorer = {
  inner: /^api\/(arithmetic|attacks|claims|computing|drawing|errata|html|induction|kit|mistakes|parts|reports|surveys)$/,
  score: ([page, , , , score]) => (Scorer.inner.test(page) ? score - 30 : score),

  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
