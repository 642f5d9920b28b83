// In place of the theme's file of this name, 1.5 MB that draw every icon as SVG: its style sheet has them as fonts too.
