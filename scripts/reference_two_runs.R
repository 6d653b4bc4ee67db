# The same arms in two runs, compared by R: analysis of variance of the differences by aov, the variance between seeds moderated by limma.
# Writes tests/fixtures/classifiers/two_runs.json. Usage, from the project's root: Rscript scripts/reference_two_runs.R
suppressPackageStartupMessages(library(limma))

set.seed(1984)
seeds <- 4
rows <- 120
hard <- rnorm(rows)

# 1 where right, by seed and row. A seed sd of 0: the same answers under every seed.
answers <- function(accuracy, seed_sd) {
  own <- rnorm(rows)
  one <- function(seed) {
    level <- qnorm(min(max(accuracy + seed_sd * rnorm(1), 0.02), 0.98))
    as.integer(0.75 * hard + 0.35 * own + (seed_sd > 0) * 0.56 * rnorm(rows) < level)
  }
  if (seed_sd == 0) {
    same <- one(1)
    return(matrix(rep(same, each = seeds), seeds))
  }
  t(sapply(seq_len(seeds), one))
}

# Accuracy in the first run, in the second, standard deviation between seeds.
arms <- list(
  c(0.80, 0.80, 0.004), c(0.82, 0.74, 0.01), c(0.79, 0.81, 0.15), c(0.84, 0.84, 0.1),
  c(0.75, 0.75, 0), c(0.81, 0.79, 0.012), c(0.78, 0.78, 0.003), c(0.80, 0.83, 0.02)
)

mean_squares <- function(difference) {
  table <- data.frame(
    value = as.vector(difference),
    seed = factor(rep(seq_len(seeds), rows)),
    row = factor(rep(seq_len(rows), each = seeds))
  )
  ms <- summary(aov(value ~ seed + row, table))[[1]][["Mean Sq"]]
  list(seeds = ms[1], rows = ms[2], error = ms[3])
}

runs <- lapply(arms, function(arm) list(first = answers(arm[1], arm[3]), second = answers(arm[2], arm[3])))
squares <- lapply(runs, function(run) mean_squares(run$second - run$first))
varying <- sapply(arms, function(arm) arm[3] > 0)
of_seeds <- sapply(squares, function(ms) ms$seeds)
squeezed <- squeezeVar(of_seeds[varying], seeds - 1)
# What the other arms know at most.
prior_df <- min(squeezed$df.prior, (sum(varying) - 1) * (seeds - 1))

compare <- function(run, ms, varies) {
  difference <- run$second - run$first
  own_df <- seeds - 1
  value <- ms$seeds
  df <- own_df
  if (varies) {
    moderated <- (prior_df * squeezed$var.prior + own_df * ms$seeds) / (prior_df + own_df)
    if (ms$seeds <= moderated) {
      value <- moderated
      df <- prior_df + own_df
    }
  }
  sum <- value + max(ms$rows - ms$error, 0)
  all_df <- if (value > 0) min(rows - 1, sum^2 / (value^2 / df)) else rows - 1
  error <- sqrt(sum / (seeds * rows))
  half <- qt(0.975, all_df) * error
  list(mean = mean(difference), low = mean(difference) - half, high = mean(difference) + half,
       p_value = 2 * pt(-abs(mean(difference)) / error, all_df))
}

text <- function(answers) {
  lines <- apply(answers, 1, function(seed) paste0('"', paste(seed, collapse = ""), '"'))
  paste0("[", paste(lines, collapse = ", "), "]")
}
number <- function(value) formatC(value, digits = 15, format = "g")
of_arm <- function(at) {
  found <- compare(runs[[at]], squares[[at]], varying[at])
  fields <- c(
    paste0('"first": ', text(runs[[at]]$first)), paste0('"second": ', text(runs[[at]]$second)),
    paste0('"seeds_ms": ', number(squares[[at]]$seeds)),
    sapply(names(found), function(name) paste0('"', name, '": ', number(found[[name]])))
  )
  paste0("  {", paste(fields, collapse = ", "), "}")
}
body <- paste(sapply(seq_along(arms), of_arm), collapse = ",\n")
written <- paste0(
  '{"made_by": "scripts/reference_two_runs.R, R ', getRversion(), ", limma ", packageVersion("limma"), '",\n',
  ' "prior_df": ', number(prior_df), ', "prior_variance": ', number(squeezed$var.prior), ',\n "arms": [\n', body, "\n ]}\n"
)
cat(written, file = "tests/fixtures/classifiers/two_runs.json")
