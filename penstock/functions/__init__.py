"""The vocabulary of SQL: every function declared once. Importing the register imports all declarations."""

from penstock.functions import library as library
