window.YTD.account.part0 = [
 {
  "account": {
   "email": "ada@mail.example",
   "username": "ada",
   "accountId": "42",
   "accountDisplayName": "Ada"
  }
 }
]