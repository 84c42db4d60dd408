window.YTD.note_tweet.part0 = [
 {
  "noteTweet": {
   "noteTweetId": "5",
   "createdAt": "2023-02-20T08:12:30.000Z",
   "core": {
    "text": "A long one that begins here and is cut by the list, but goes on and on https://t.co/nn",
    "urls": [
     {
      "shortUrl": "https://t.co/nn",
      "expandedUrl": "https://note.example/"
     }
    ]
   }
  }
 }
]